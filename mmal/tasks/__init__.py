from collections.abc import Sequence

from mmengine.dataset import BaseDataset

from .base import Task, image_id
from .classification import ClassificationTask
from .detection import DetectionTask
from .pose import PoseTask, is_topdown

__all__ = ["TASKS", "Task", "image_id", "is_topdown", "task_of", "task_of_pipeline"]

_DETECTION = DetectionTask()
#: All tasks. A data set that none claims is one of detection.
TASKS: tuple[Task, ...] = (PoseTask(), ClassificationTask(), _DETECTION)


def task_of(dataset: BaseDataset) -> Task:
    """Return the task of a data set, which need not have loaded anything."""
    return next((task for task in TASKS if task.has(dataset)), _DETECTION)


def task_of_pipeline(pipeline: Sequence[dict]) -> Task:
    """Return the task whose samples a pipeline's config packs."""
    return next((task for task in TASKS if task.packs(pipeline)), _DETECTION)
