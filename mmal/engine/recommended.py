"""The query that a model's task is recommended."""

from collections.abc import Callable, Mapping

from torch import nn

from mmal.models.objects import check_objects
from mmal.tasks.base import Task


def recommended_query(task: Task, build: Callable[[], nn.Module]) -> dict:
    """Return the config of the query that ``docs/queries.md`` recommends for a task's models.

    Args:
        task: The task.
        build: Gives a model of it, if the query reads objects. Where features of the model's
            objects cannot be read, ``Random`` is what nothing was shown to be above.
    """
    query = {
        key: dict(value) if isinstance(value, Mapping) else value
        for key, value in task.recommended_query.items()
    }
    if query.get("features", {}).get("source") == "objects":
        try:
            check_objects(build())
        except TypeError:
            return dict(type="mmal.Random")
    return query
