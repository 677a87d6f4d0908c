"""Tests of why samples were picked, on vectors whose neighbours are known."""

import json

import numpy as np
import pytest

from mmal.engine.reporting import explain_picks
from mmal.structures import PoolScores


def scores_of(prefix: str, vectors: list, **fields: list) -> PoolScores:
    ids = [f"{prefix}{i}" for i in range(len(vectors))]
    columns = {k: np.array(v, dtype=np.float32) for k, v in fields.items()}
    features = np.array(vectors, dtype=np.float32)
    return PoolScores(ids, [f"{i}.jpg" for i in ids], {**columns, "features": features})


@pytest.fixture
def scores() -> PoolScores:
    """Candidates on a line: 0, 1, 2 and 10, 11, 12 and 20."""
    return scores_of("c", [[x, 0.0] for x in (0, 1, 2, 10, 11, 12, 20)])


def test_a_pick_stands_for_what_is_nearest_to_it(scores):
    found = explain_picks(scores, None, ["c4", "c0"])

    assert found["column"] == "features"
    assert found["candidates"] == 7
    # 10, 12 and 20 are nearest to 11; 1 and 2 to 0.
    assert found["picks"] == [dict(id="c4", stands_for=3), dict(id="c0", stands_for=2)]


def test_what_a_labelled_sample_is_nearer_to_is_not_stood_for(scores):
    labeled = scores_of("l", [[21.0, 0.0], [3.0, 0.0]])
    found = explain_picks(scores, labeled, ["c4", "c0"])

    # 20 is the first labelled sample's, 2 the second's.
    assert [pick["stands_for"] for pick in found["picks"]] == [2, 1]
    # 11 is 8 from 3, 0 is 3 from it: in units of their median, 5.5.
    assert [pick["nearest"] for pick in found["picks"]] == [
        dict(id="l1", img_path="l1.jpg", distance=round(8 / 5.5, 3)),
        dict(id="l1", img_path="l1.jpg", distance=round(3 / 5.5, 3)),
    ]


def test_the_map_shows_where_most_of_the_variance_is(scores):
    labeled = scores_of("l", [[3.0, 1.0]])
    found = explain_picks(scores, labeled, ["c6"])["map"]

    assert [len(found[k]) for k in ("candidates", "labeled", "picks")] == [6, 1, 1]
    assert found["explained"][0] > 0.99
    places = np.array(found["candidates"] + found["picks"])[:, 0]
    order = np.argsort([0, 1, 2, 10, 11, 12, 20])
    steps = np.diff(places[order])
    assert (np.sign(steps) == np.sign(steps[0])).all()
    assert np.abs(np.array(found["candidates"] + found["picks"])).max() == 1
    json.dumps(found)


def test_of_many_candidates_some_are_shown_and_counts_are_scaled(monkeypatch):
    monkeypatch.setattr("mmal.engine.reporting.explanation._COUNTED", 10)
    monkeypatch.setattr("mmal.engine.reporting.explanation._SHOWN", 5)
    many = scores_of("c", [[float(i)] for i in range(101)])
    found = explain_picks(many, None, ["c0"])

    assert found["picks"][0]["stands_for"] == 100
    assert len(found["map"]["candidates"]) == 5
    assert found["map"]["explained"] == [1, 0]  # of one dimension
    assert all(y == 0 for _, y in found["map"]["candidates"])


def test_equal_vectors_have_a_map_without_extent():
    found = explain_picks(scores_of("c", [[1.0, 1.0, 1.0]] * 4), None, ["c2"])
    assert found["map"]["explained"] == [0, 0]
    assert found["picks"] == [dict(id="c2", stands_for=3)]


def test_without_vectors_or_picks_there_is_nothing_to_say(scores):
    ids = ["a", "b"]
    flat = PoolScores(ids, ids, dict(pred_loss=np.arange(2.0)))
    assert explain_picks(flat, None, ["a"]) is None
    factor = PoolScores(ids, ids, dict(logit_gradient=np.ones((2, 3))))
    assert explain_picks(factor, None, ["a"]) is None
    assert explain_picks(scores, None, []) is None
