"""The commands of docs/annotate.md, one after the other, on a smaller pool and for one epoch."""

import os
import re
import subprocess
import sys
from pathlib import Path

from mmal.engine.loop import Project

ROOT = Path(__file__).parents[2]
#: What makes the page's ten minutes half of one.
SMALLER = {
    "make_toy_voc.py data/toy_voc": "make_toy_voc.py data/toy_voc --num-train 24 --num-test 8",
    "--budget 60": "--budget 8",
    "--budget 40": "--budget 4",
    "--images data/toy_voc/JPEGImages": "--images data/toy_voc/JPEGImages --cfg-options "
    "train_cfg.max_epochs=1 train_dataloader.dataset.times=1 train_dataloader.batch_size=4 "
    "custom_hooks.0.detach_epoch=0 param_scheduler.1.T_max=1 default_hooks.checkpoint.interval=1",
}


def test_the_commands_of_the_page(tmp_path: Path) -> None:
    page = (ROOT / "docs/annotate.md").read_text()
    script = "".join(re.findall(r"```shell\n(.*?)```", page, re.DOTALL))
    for text, smaller in SMALLER.items():
        assert text in script, text
        script = script.replace(text, smaller)
    for name in ("tools", "configs"):
        (tmp_path / name).symlink_to(ROOT / name)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    # As a reader would: each command only if the one before did not fail.
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    project = Project.load(tmp_path / "work_dirs/digits")
    assert len(project.labeled) == 12
    assert not project.pending
    assert [step.labeled for step in project.trainings] == [8, 12]
    assert project.picks[1].model == "training/round_00/epoch_1.pth"
    # What a step says is on the page, with other numbers.
    assert "12 images labelled, 0 wait for labels, 0 skipped, 12 left to pick" in done.stdout
    for line in ("Next: python tools/loop.py train work_dirs/digits", "8 newly labelled"):
        assert line in done.stdout
    # Nothing that others print on every run is left between the lines.
    for noise in ("OneDL", "creating index", "UserWarning", "Loads checkpoint"):
        assert noise not in done.stdout + done.stderr
