import pytest
from mmengine.config import Config

from mmal.engine.preflight import PreflightError
from mmal.engine.preflight.settings import check_runner
from mmal.engine.rounds import prepare_rounds


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("runner_type", "FlexibleRunner", "'FlexibleRunner'"),
        ("strategy", dict(type="FSDPStrategy"), "'FSDPStrategy'"),
        ("strategy", dict(type="NoSuchStrategy"), "'NoSuchStrategy'"),
    ],
)
def test_runners_that_rounds_do_not_use(cfg: Config, name: str, value: object, found: str) -> None:
    cfg[name] = value
    with pytest.raises(PreflightError, match=rf"{name} is {found}, but rounds .* not supported"):
        prepare_rounds(cfg)


def test_the_usual_runner() -> None:
    check_runner(Config(dict(runner_type="Runner", strategy=None)))
    check_runner(Config(dict()))
