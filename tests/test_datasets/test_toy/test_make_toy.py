"""Tests that hold for all toy data sets and the tools that make them, on tiny copies."""

import inspect
import json
import random
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mmal.datasets.toy import make_toy_mpii, make_toy_voc

TOOLS = Path(__file__).parents[3] / "tools" / "misc"


@pytest.fixture(scope="module", params=["voc", "mpii"])
def toy(request, tmp_path_factory) -> SimpleNamespace:
    """A kind of data set: how to make it and a tiny one in a folder."""
    if request.param == "voc":
        pytest.importorskip("sklearn", reason="the handwritten digits come with scikit-learn")
        make, options = make_toy_voc, dict(num_train=2, num_test=1, size=96)
    else:
        make, options = make_toy_mpii, dict(num_train=2, num_val=1, size=128)
    folder = make(tmp_path_factory.mktemp("data") / "toy", **options)
    return SimpleNamespace(make=make, options=options, folder=folder, tool=f"{make.__name__}.py")


def read_files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")}


def run_tool(monkeypatch, name: str, *args: object) -> dict:
    monkeypatch.setattr("sys.argv", [name, *map(str, args)])
    return runpy.run_path(str(TOOLS / name), run_name="__main__")


def test_same_seed_same_bytes_whatever_the_global_state(toy, tmp_path):
    np.random.seed(1)
    random.seed(1)
    numpy_state, python_state = np.random.get_state(), random.getstate()
    again = toy.make(tmp_path / "toy", **toy.options)

    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state[1])
    assert random.getstate() == python_state
    assert len(read_files(again)) >= 3 + 1
    assert read_files(again) == read_files(toy.folder)


def test_manifest_records_the_parameters(toy):
    manifest = toy.folder / toy.tool.replace("make_", "").replace(".py", ".json")

    assert json.loads(manifest.read_text()) == {**toy.options, "seed": 0, "version": 1}


def test_seed_matters_and_the_number_of_images_does_not(toy, tmp_path):
    more = {name: value + (name != "size") for name, value in toy.options.items()}
    images = {
        seed: {
            path: data
            for path, data in read_files(toy.make(tmp_path / str(seed), **more, seed=seed)).items()
            if path.endswith((".jpg", ".xml"))
        }
        for seed in (0, 1)
    }

    few = {path: data for path, data in read_files(toy.folder).items() if path in images[0]}
    assert len({path for path in few if path.endswith(".jpg")}) == 3
    assert few.items() <= images[0].items()
    assert not set(images[0].values()) & set(images[1].values())


def test_other_parameters_are_refused(toy):
    before = read_files(toy.folder)

    for name in (*toy.options, "seed"):
        change = {name: toy.options.get(name, 0) + 1}
        with pytest.raises(FileExistsError, match="Delete that folder or choose another out_dir"):
            toy.make(toy.folder, **{**toy.options, **change})
    assert toy.make(toy.folder, **toy.options) == toy.folder
    assert read_files(toy.folder) == before


def test_bad_parameters(toy, tmp_path):
    least = dict.fromkeys(toy.options, 1) | dict(size=toy.options["size"], seed=0)
    for name, bound in least.items():
        with pytest.raises(ValueError, match=f"{name} must be .* {bound}, got {bound - 1}"):
            toy.make(tmp_path / "toy", **{name: bound - 1})
    assert list(tmp_path.iterdir()) == []


def test_tool_writes_the_same_data_set(toy, tmp_path, monkeypatch):
    options = [f"--{name.replace('_', '-')}={value}" for name, value in toy.options.items()]
    run_tool(monkeypatch, toy.tool, tmp_path / "toy", *options, "--seed=0")

    assert read_files(tmp_path / "toy") == read_files(toy.folder)


def test_tool_has_the_defaults_of_the_function(toy, monkeypatch):
    monkeypatch.setattr("sys.argv", [toy.tool, "somewhere"])
    options = vars(runpy.run_path(str(TOOLS / toy.tool))["parse_args"]())

    parameters = inspect.signature(toy.make).parameters.values()
    defaults = {p.name: p.default for p in parameters if p.name != "out_dir"}
    assert options == {"out_dir": "somewhere", **defaults}


def test_tool_reports_errors_and_helps(toy, tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit, match="error: size must be"):
        run_tool(monkeypatch, toy.tool, tmp_path / "toy", "--size", 10)
    with pytest.raises(SystemExit) as stop:
        run_tool(monkeypatch, toy.tool, "--help")
    assert stop.value.code == 0
    assert f"{toy.tool} data/" in capsys.readouterr().out
