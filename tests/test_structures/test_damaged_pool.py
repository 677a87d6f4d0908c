"""Pool files and records in which anything may stand: an error with a place, or what they say."""

import copy
import json

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mmal.engine.rounds import WorkDir
from mmal.engine.rounds.record import RecordError
from mmal.structures import Pool, PoolError, PoolRound

IDS = ["b", "d", "a", "c"]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=5,
)
RECORD = dict(
    round=0,
    labeled=6,
    annotations={"boxes": 12},
    seconds={"train": 1.5, "evaluate": 0.5},
    metrics={"pascal_voc/mAP": 0.25},
    ranking_accuracy=0.5,
    spearman=0.1,
    kendall=0.1,
    yardsticks={"entropy_mean": 0.5},
    ranking_doubt=None,
    picks_doubt="all scores are equal",
)


def pool() -> Pool:
    rounds = [PoolRound("initial", ["d"]), PoolRound("Random", ["b", "c"])]
    return Pool(IDS, seed=7, rounds=rounds)


def places(content: object, path: tuple = ()) -> list[tuple]:
    """Every place in a JSON value, the value itself among them."""
    found = [path]
    if isinstance(content, dict | list):
        items = content.items() if isinstance(content, dict) else enumerate(content)
        for key, value in items:
            found += places(value, (*path, key))
    return found


def put(content: object, path: tuple, value: object) -> object:
    """``content`` with another value in one place."""
    if not path:
        return value
    content = copy.deepcopy(content)
    parent = content
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    return content


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_pool_file_with_anything_in_any_place(folder, data):
    path = folder / "pool.json"
    pool().save(path)
    content = json.loads(path.read_text())
    place = data.draw(st.sampled_from(places(content)))
    path.write_text(json.dumps(put(content, place, data.draw(ANYTHING))))
    before = path.read_bytes()
    loaded = refused = None
    try:
        loaded = Pool.load(path, IDS)
    except PoolError as error:
        refused = str(error)
    if loaded is None:
        assert str(path) in refused
    else:
        assert type(loaded.seed) is int
        assert loaded.seed >= 0
        assert len(set(loaded.labeled_ids)) == len(loaded.labeled_ids)
        assert set(loaded.labeled_ids) <= set(IDS)
        assert all(acquired.picks for acquired in loaded.rounds)
    assert path.read_bytes() == before


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(cut=st.integers(0, 400), junk=st.binary(max_size=3))
def test_a_pool_file_that_was_cut_or_scratched(folder, cut, junk):
    path = folder / "pool.json"
    pool().save(path)
    whole = path.read_bytes()
    damaged = whole[: cut % len(whole)] + junk
    assume(damaged.strip() != whole.strip())  # more than the end of the last line is gone
    path.write_bytes(damaged)
    with pytest.raises(PoolError, match=r"pool\.json"):
        Pool.load(path, IDS)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("rounds", 0, "picks"), None, r"rounds\[0\]\.picks must be a list\. Got null"),
        (("rounds", 1, "picks", 0), 3, r"rounds\[1\]\.picks\[0\] must be a string\. Got 3"),
        (("rounds", 1, "picks"), [], r"must pick at least one"),
        (("rounds", 1), "Random", r"rounds\[1\] must be an object"),
        (("seed",), "x", r'seed must be an integer\. Got "x"'),
        (("seed",), -1, r"seed must be at least 0"),
        (("dataset", "size"), None, r"dataset\.size must be an integer"),
        (("schema_version",), "1", r'schema_version must be an integer\. Got "1"'),
    ],
)
def test_the_place_in_a_pool_file_is_named(tmp_path, place, value, message):
    path = tmp_path / "pool.json"
    pool().save(path)
    path.write_text(json.dumps(put(json.loads(path.read_text()), place, value)))
    with pytest.raises(PoolError, match=message):
        Pool.load(path, IDS)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_record_with_anything_in_any_place(folder, data):
    work_dir = WorkDir(folder)
    path = work_dir.round_dir(0) / "metrics.json"
    path.parent.mkdir(exist_ok=True)
    place = data.draw(st.sampled_from(places(RECORD)))
    path.write_text(json.dumps(put(RECORD, place, data.draw(ANYTHING))))
    before = path.read_bytes()
    record = refused = None
    try:
        record = work_dir.read_record(0)
    except RecordError as error:
        refused = str(error)
    if record is None:
        assert str(path) in refused
    else:
        work_dir.write_curve([{"metrics": {}, **record}])
        assert "\n0," in work_dir.curve_csv.read_text()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("metrics", "pascal_voc/mAP"), "x", r"metrics\.pascal_voc/mAP must be a number"),
        (("seconds",), None, r"seconds must be an object\. Got null"),
        (("labeled",), 6.5, r"labeled must be an integer"),
        (("round",), 1, r"round is 1, but the folder is that of round 0"),
        (("picks_doubt",), 1, r"picks_doubt must be a string"),
    ],
)
def test_the_place_in_a_record_is_named(tmp_path, place, value, message):
    work_dir = WorkDir(tmp_path)
    work_dir.write_record(0, put(RECORD, place, value))
    with pytest.raises(RecordError, match=rf"metrics\.json is not the record.*{message}"):
        work_dir.read_record(0)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=8) | st.just(b"x" * 5000) | st.just(b"epoch_1.pth"))
def test_whatever_names_the_last_checkpoint(folder, content):
    work_dir = WorkDir(folder)
    pointer = work_dir.round_dir(1) / "last_checkpoint"
    pointer.parent.mkdir(exist_ok=True)
    torch.save(dict(meta=dict(iter=1)), pointer.parent / "epoch_1.pth")
    pointer.write_bytes(content)
    found, refused = None, str(pointer)
    try:
        found = work_dir.checkpoint(1)
    except RecordError as error:
        refused = str(error)
    assert str(pointer) in refused
    assert found in (None, pointer, pointer.parent / "epoch_1.pth")
    if not refused.endswith("beginning."):
        sentence = work_dir.checkpoints(1).mend()
        assert (found is None) == (str(pointer) in (sentence or ""))
