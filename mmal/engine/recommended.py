"""The query that a model's task is recommended."""

from collections.abc import Mapping

from torch import nn

from mmal.models.objects import check_objects
from mmal.tasks.base import Task


def recommended_query(task: Task, model: nn.Module) -> dict:
    """Return the config of the query that ``docs/queries.md`` recommends for a task's models.

    Args:
        task: The task.
        model: A model of it. Where features of its objects cannot be read, ``Random`` is what
            nothing was shown to be above.
    """
    query = {
        key: dict(value) if isinstance(value, Mapping) else value
        for key, value in task.recommended_query.items()
    }
    if query.get("features", {}).get("source") == "objects":
        try:
            check_objects(model)
        except TypeError:
            return dict(type="mmal.Random")
    return query
