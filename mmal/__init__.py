"""mmal: learning loss active learning for MMDetection, MMPose and MMPretrain.

Importing this package registers its components with mmengine's registries in the scope ``mmal``;
a config does so with ``custom_imports = dict(imports=['mmal'])``.
"""

from mmengine.config.utils import MODULE2PACKAGE

from mmal import datasets, engine, evaluation, models, queries
from mmal.version import __version__

#: Lets a config inherit from ``mmal::demo/toy_voc.py``, as from those of the other packages.
MODULE2PACKAGE["mmal"] = "mmal"

__all__ = ["__version__", "datasets", "engine", "evaluation", "models", "queries"]
