"""Which query is taken where none is named: what docs/queries.md recommends."""

import pytest
from mmengine.registry import init_default_scope
from torch import nn

from mmal.engine.recommended import recommended_query
from mmal.queries import build_query
from mmal.tasks import TASKS
from tests.models import DENSE, build


def description(package: str, model: nn.Module | None) -> str:
    def build_given() -> nn.Module:
        assert model is not None
        return model

    (task,) = (task for task in TASKS if task.package == package)
    return build_query(recommended_query(task, build_given)).description


@pytest.mark.parametrize(
    ("package", "expected"), [("mmpose", "Herding"), ("mmpretrain", "Herding(weight='margin')")]
)
def test_is_that_of_the_page(package: str, expected: str) -> None:
    """No model is built to tell."""
    assert description(package, None) == expected


def test_of_detectors_is_by_objects_where_they_can_be_read() -> None:
    init_default_scope("mmdet")
    model = build(DENSE["RetinaNet"][0], None)
    assert description("mmdet", model) == "Herding(features=dict(source='objects'))"
    assert description("mmdet", nn.Identity()) == "Random"
