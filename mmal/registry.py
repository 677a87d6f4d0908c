"""The registries of mmal: children of mmengine's, in the scope ``mmal``, plus ``QUERIES``."""

from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import LOOPS as MMENGINE_LOOPS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import TASK_UTILS as MMENGINE_TASK_UTILS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry

MODELS = Registry("model", parent=MMENGINE_MODELS, scope="mmal", locations=["mmal.models"])
TASK_UTILS = Registry(
    "task util", parent=MMENGINE_TASK_UTILS, scope="mmal", locations=["mmal.models"]
)
DATASETS = Registry("dataset", parent=MMENGINE_DATASETS, scope="mmal", locations=["mmal.datasets"])
DATA_SAMPLERS = Registry(
    "data sampler", parent=MMENGINE_DATA_SAMPLERS, scope="mmal", locations=["mmal.datasets"]
)
TRANSFORMS = Registry(
    "transform", parent=MMENGINE_TRANSFORMS, scope="mmal", locations=["mmal.datasets"]
)
METRICS = Registry("metric", parent=MMENGINE_METRICS, scope="mmal", locations=["mmal.evaluation"])
HOOKS = Registry("hook", parent=MMENGINE_HOOKS, scope="mmal", locations=["mmal.engine"])
LOOPS = Registry("loop", parent=MMENGINE_LOOPS, scope="mmal", locations=["mmal.engine.rounds"])
FUNCTIONS = Registry(
    "function", parent=MMENGINE_FUNCTIONS, scope="mmal", locations=["mmal.datasets"]
)
QUERIES = Registry("query", scope="mmal", locations=["mmal.queries"])
