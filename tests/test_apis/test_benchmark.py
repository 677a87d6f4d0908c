"""The benchmark; its figures are for docs, here it is run on a small model."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

from mmal.apis.benchmark import RATIOS, TIMED, Benchmark, benchmark

ROOT = Path(__file__).parents[2]


def test_ratios_are_those_of_the_same_repetition() -> None:
    samples = dict(scoring=[1.0, 2.0, 30.0, 4.0, 5.0], features=[2.0, 2.0, 10.0, 16.0, 2.5])
    result = Benchmark("model", (32, 32), 2, "cpu", samples)
    # 0.5, 1, 3, 0.25, 2, sorted: 0.25, 0.5, 1, 2, 3
    assert result.ratio("scoring", "features") == (1.0, 0.5, 2.0)


@pytest.mark.parametrize("plain", [False, True])
def test_measures_plain_and_learning_loss_configs(config_file: Path, plain: bool) -> None:
    cfg = Config.fromfile(config_file)
    if plain:
        cfg.model = cfg.model.target
    ticks = []
    result = benchmark(cfg, batch_size=2, repetitions=2, progress=lambda: ticks.append(1))
    assert result.size == (40, 48)
    assert len(ticks) == 3  # with the one that does not count
    for name in TIMED:
        assert len(result.samples[name]) == 2
        assert min(result.samples[name]) > 0
    parameters = 8 * 2 * 8 + 8 * 2  # the module's, at least, are held with their gradients
    memory, with_module = (result.samples[n][0] for n in ("memory", "memory_learning_loss"))
    assert memory + 4 * parameters <= with_module < 2 * memory


def test_tool_writes_a_table_and_a_csv(config_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "benchmark.csv"
    tool = ROOT / "tools/analysis_tools/benchmark.py"
    command = [sys.executable, tool, config_file, "--batch-size", "2", "--repetitions", "1"]
    done = subprocess.run(
        [*command, "--device", "cpu", "--out", out],
        env={"PATH": "", "PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "passive"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "48 x 40" in done.stdout
    with out.open() as file:
        rows = list(csv.reader(file))
    quantities = [row[5] for row in rows[1:]]
    assert quantities[: len(RATIOS)] == [name for name, *_ in RATIOS]
    assert set(TIMED) < set(quantities)


def test_tool_refuses_a_batch_of_nothing(config_file: Path) -> None:
    tool = ROOT / "tools/analysis_tools/benchmark.py"
    done = subprocess.run(
        [sys.executable, tool, config_file, "--batch-size", "0"],
        env={"PATH": "", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "--batch-size must be at least 1. Got 0 instead."
