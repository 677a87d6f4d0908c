"""Tests of the pool: who is labelled, in memory and on disk."""

import hashlib
import json
import os

import pytest

from mmal.structures import Pool, PoolError, PoolRound

IDS = ["c", "a", "d", "b"]


@pytest.fixture
def pool() -> Pool:
    return Pool(IDS, seed=7, rounds=[PoolRound("initial", ["d"]), PoolRound("Random", ["b", "c"])])


def test_split_follows_the_picks(pool):
    assert pool.labeled_ids == ["d", "b", "c"]  # as picked
    assert pool.unlabeled_ids == ["a"]  # as the data set lists them
    assert Pool(IDS).labeled_ids == []
    assert Pool(IDS).unlabeled_ids == IDS


# printf 'a\nb\nc\nd' | sha256sum
def test_fingerprint_is_that_of_the_sorted_ids():
    digest = "f729ae0cbcc8241ebb6918af712a88d5ca2c13f7fbe08f809aa297bfdf99fbe4"

    assert Pool(IDS).fingerprint == Pool(sorted(IDS)).fingerprint == f"sha256:{digest}"
    assert Pool([*IDS[:3], "e"]).fingerprint != Pool(IDS).fingerprint


def test_fingerprint_of_more_ids_than_are_hashed_at_a_time(monkeypatch):
    ids = [f"{i * 7919 % 1000:03}" for i in range(1000)]
    expected = hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()
    for part in (1, 7, 500, 1000, 1001):
        monkeypatch.setattr("mmal.structures.pool._PART", part)
        assert Pool(ids).fingerprint == f"sha256:{expected}"


def test_repeated_ids_are_refused():
    ids = ["a", "b", "c", "d", "e"] * 2

    with pytest.raises(PoolError, match=r"'a', 'b', 'c' and 2 more occur more than once"):
        Pool(ids)


BAD_PICKS = [
    (["a", "x", "y"], r"'x', 'y' are not samples of the pool"),
    (["a", "a"], r"'a' are picked twice in one round"),
    (["a", "c"], r"'c' are already labelled"),
]


@pytest.mark.parametrize(("picks", "message"), [*BAD_PICKS, ([], r"at least one sample")])
def test_refused_picks_change_nothing(pool, tmp_path, picks, message):
    path = tmp_path / "pool.json"
    pool.save(path)
    before = path.read_bytes()

    with pytest.raises(PoolError, match=message):
        pool.commit(picks, "Random", path)

    assert path.read_bytes() == before
    assert pool.labeled_ids == ["d", "b", "c"]
    pool.commit(["a"], "Random", path)  # still possible


@pytest.mark.parametrize(("picks", "message"), BAD_PICKS)
def test_constructor_refuses_what_commit_refuses(pool, picks, message):
    with pytest.raises(PoolError, match=message):
        Pool(IDS, rounds=[*pool.rounds, PoolRound("Random", picks)])


def test_file_holds_the_picks_and_loads_again(pool, tmp_path):
    path = tmp_path / "new" / "pool.json"
    pool.commit(["a"], "LearnedLoss", path)

    assert json.loads(path.read_text()) == {
        "schema_version": 1,
        "dataset": {"size": 4, "fingerprint": pool.fingerprint},
        "seed": 7,
        "rounds": [
            {"query": "initial", "picks": ["d"]},
            {"query": "Random", "picks": ["b", "c"]},
            {"query": "LearnedLoss", "picks": ["a"]},
        ],
    }
    assert Pool.load(path, IDS) == pool


def test_data_set_may_be_listed_in_another_order(pool, tmp_path):
    pool.save(tmp_path / "pool.json")
    loaded = Pool.load(tmp_path / "pool.json", sorted(IDS))

    assert loaded.labeled_ids == pool.labeled_ids
    assert loaded.unlabeled_ids == pool.unlabeled_ids


def test_only_the_writing_process_writes(pool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pool.commit(["a"], "Random", None)

    assert pool.labeled_ids == ["d", "b", "c", "a"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_interrupted_commit_changes_nothing(pool, tmp_path, monkeypatch, error):
    path = tmp_path / "pool.json"
    pool.save(path)

    def fail(*args):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(error):
            pool.commit(["a"], "Random", path)

    assert pool.unlabeled_ids == ["a"]
    assert len(pool.rounds) == 2
    assert Pool.load(path, IDS) == pool


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"pool\.json"):
        Pool.load(tmp_path / "pool.json", IDS)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b"\xff",
        b'{"schema_version": 1}',
        b'{"schema_version": 1, "seed": 0, "dataset": {"size": 4}, "rounds": []}',
    ],
)
def test_what_is_no_pool_file_is_refused(tmp_path, content):
    path = tmp_path / "pool.json"
    path.write_bytes(content)

    with pytest.raises(PoolError, match=r"pool\.json is not a pool file"):
        Pool.load(path, IDS)


def _another_version(content):
    content["schema_version"] = 2


def _another_data_set(content):
    content["dataset"] = {"size": 9, "fingerprint": "sha256:0123456789abcdef"}


def _unknown_pick(content):
    content["rounds"][0]["picks"] = ["x"]


def _labelled_twice(content):
    content["rounds"][1]["picks"] = ["d"]


def _other_fields(content):
    content["rounds"][0] = {"query": "initial", "samples": ["d"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_another_version, r"pool\.json has schema version 2, but this mmal reads 1"),
        (_another_data_set, r"written for 9 samples .* but the config's data set has 4 with"),
        (_unknown_pick, r"pool\.json: 'x' are not samples"),
        (_labelled_twice, r"pool\.json: 'd' are already labelled"),
        (_other_fields, r"pool\.json"),
    ],
)
def test_file_that_does_not_fit_is_refused(pool, tmp_path, change, message):
    path = tmp_path / "pool.json"
    pool.save(path)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))

    with pytest.raises(PoolError, match=message):
        Pool.load(path, IDS)
