"""Which query a loop takes where none is named: what docs/queries.md recommends."""

import pytest

from mmal.queries import build_query
from mmal.tasks import TASKS


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        ("mmdet", "Herding"),
        ("mmpose", "Herding"),
        ("mmpretrain", "Herding(weight='margin')"),
    ],
)
def test_is_that_of_the_page(package: str, expected: str) -> None:
    (task,) = (task for task in TASKS if task.package == package)
    assert build_query(dict(task.recommended_query)).description == expected
