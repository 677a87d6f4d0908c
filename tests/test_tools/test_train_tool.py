"""tools/train.py says in one line what it cannot begin with."""

import runpy
import sys
from pathlib import Path

import pytest

TOOL = str(Path(__file__).parents[2] / "tools" / "train.py")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", *map(str, arguments)])
    runpy.run_path(TOOL, run_name="__main__")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--amp"], r"AmpOptimWrapper \(--amp\), which is only available on a GPU"),
        (["--cfg-options", "randomness.seed=-1"], r"seed \(--seed\) must be an integer from 0"),
        (["--cfg-options", "train_dataloader.dataset.ann_file=no.txt"], r"no\.txt"),
        (["--cfg-options", "optim_wrapper.optimizer.type=SDG"], "'SDG': no such optimizer"),
        (["--cfg-options", "model.target.type=NoDetector"], "NoDetector"),
        (["--cfg-options", "train_dataloader.sampler.type=NoSampler"], "NoSampler"),
    ],
)
def test_what_cannot_be_built(
    config_file: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit, match=rf"(?s)^error: .*{message}"):
        run(monkeypatch, config_file, *arguments)


def test_errors_of_a_training_keep_their_traceback(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args):
        raise ValueError("in the middle")

    monkeypatch.setattr("mmengine.runner.EpochBasedTrainLoop.run_iter", fail)
    with pytest.raises(ValueError, match="in the middle"):
        run(monkeypatch, config_file)
