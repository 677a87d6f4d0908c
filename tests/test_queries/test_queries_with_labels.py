"""The queries of an experiment that read the labels of images in a folder a class."""

import importlib
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mmal.queries import Query, build_query
from mmal.registry import QUERIES
from mmal.structures import PoolScores

FOLDER = Path(__file__).parents[2] / "docs" / "results"


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(FOLDER))
    importlib.import_module("queries_with_labels")
    yield
    sys.modules.pop("queries_with_labels")
    for name in ("TrueLoss", "ClassesOfLearnedLoss"):
        QUERIES.module_dict.pop(name)


@pytest.fixture
def query(registered: None) -> Query:
    return build_query(dict(type="TrueLoss"))


def candidates(logits: np.ndarray, labels: list[str]) -> PoolScores:
    """Score candidates whose labels are the names of their folders."""
    gradients = []
    for row in logits:
        probabilities = np.exp(row) / np.exp(row).sum()
        probabilities[row.argmax()] -= 1
        gradients.append(probabilities)
    ids = [f"{label}/{i}.jpg" for i, label in enumerate(labels)]
    fields = dict(logit_gradient=np.array(gradients, np.float32))
    return PoolScores(ids, [f"train/{name}" for name in ids], fields)


def test_it_picks_the_largest_cross_entropies(query: Query) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (60, 3))
    labels = rng.integers(0, 3, 60).tolist()
    losses = [
        -np.log(np.exp(row[label]) / sum(np.exp(value) for value in row))
        for row, label in zip(logits, labels, strict=True)
    ]
    scores = candidates(logits, [("cat", "dog", "frog")[label] for label in labels])
    expected = sorted(range(60), key=lambda i: -losses[i])[:12]
    assert query.select(scores, 12, rng) == [scores.ids[i] for i in expected]


def test_it_refuses_images_that_do_not_lie_in_a_folder_a_class(query: Query) -> None:
    scores = candidates(np.eye(3), ["images"] * 3)
    with pytest.raises(ValueError, match="lie in 1 folders"):
        query.select(scores, 1, np.random.default_rng(0))


@pytest.mark.usefixtures("registered")
def test_it_draws_as_many_of_each_class_as_have_large_predicted_losses() -> None:
    labels = ["cat"] * 30 + ["dog"] * 30 + ["frog"] * 30
    losses = np.arange(90, dtype=np.float32)  # the 40 largest: 30 frogs, 10 dogs
    ids = [f"{label}/{i}.jpg" for i, label in enumerate(labels)]
    scores = PoolScores(ids, ids, dict(pred_loss=losses))
    query = build_query(dict(type="ClassesOfLearnedLoss"))
    draws = [query.select(scores, 40, np.random.default_rng(seed)) for seed in (0, 1)]
    for picks in draws:
        assert Counter(name.split("/")[0] for name in picks) == dict(dog=10, frog=30)
        assert any(f"dog/{i}.jpg" in picks for i in range(30, 50))  # not the 10 largest
