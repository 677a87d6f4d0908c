"""mmal: learning loss active learning for MMDetection, MMPose and MMPretrain.

Importing this package registers its components with mmengine's registries in the scope ``mmal``;
a config does so with ``custom_imports = dict(imports=['mmal'])``.
"""

from mmal import datasets, engine, evaluation, models, queries
from mmal.version import __version__

__all__ = ["__version__", "datasets", "engine", "evaluation", "models", "queries"]
