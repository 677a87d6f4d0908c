"""BADGE, against an explicit loop over multiplied-out gradient embeddings."""

import numpy as np
import pytest

from mmal.queries import build_query
from mmal.queries.product_distances import NearestProducts
from mmal.structures import PoolScores

CLASSES, FEATURES = 4, 6


def pool(size: int, seed: int = 0) -> PoolScores:
    """Factors of embeddings as a classifier has them: p - one_hot(argmax p), and features."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(CLASSES, 0.5), size)
    p[np.arange(size), p.argmax(axis=1)] -= 1
    features = rng.normal(1, 1, (size, FEATURES)).clip(0)
    return scores_of(p, features)


def scores_of(gradients: np.ndarray, features: np.ndarray) -> PoolScores:
    ids = [str(i) for i in range(len(gradients))]
    fields = dict(logit_gradient=gradients, penultimate=features)
    return PoolScores(ids, ids, {k: v.astype(np.float32) for k, v in fields.items()})


def embeddings(scores: PoolScores) -> np.ndarray:
    """Multiply out: classes * features numbers a sample."""
    pairs = zip(scores.fields["logit_gradient"], scores.fields["penultimate"], strict=True)
    return np.stack([np.outer(g, x).flatten() for g, x in pairs]).astype(np.float64)


def select(scores: PoolScores, budget: int, seed: int = 0) -> list[int]:
    query = build_query(dict(type="BADGE"))
    return [int(i) for i in query.select(scores, budget, np.random.default_rng(seed))]


@pytest.mark.parametrize("seed", range(5))
def test_picks_are_those_of_a_loop_over_the_embeddings(seed):
    scores = pool(60, seed)
    vectors = embeddings(scores)

    rng, expected = np.random.default_rng(seed), []
    for _ in range(25):
        if expected:
            squared = [min(np.sum((v - vectors[j]) ** 2) for j in expected) for v in vectors]
        else:
            squared = [1.0] * len(vectors)
        drawn, chosen = rng.random() * sum(squared), 0
        while drawn >= squared[chosen]:
            drawn -= squared[chosen]
            chosen += 1
        expected.append(chosen)
    assert select(scores, 25, seed) == expected


def test_distances_are_those_between_the_embeddings():
    scores = pool(50)
    vectors = embeddings(scores)
    nearest = NearestProducts(*scores.fields.values())
    np.testing.assert_allclose(nearest.squares, np.square(vectors).sum(axis=1), rtol=1e-5)

    for index in (3, 7):
        nearest.choose(index)
    expected = [min(np.sum((v - vectors[j]) ** 2) for j in (3, 7)) for v in vectors]
    expected[3] = expected[7] = -1
    np.testing.assert_allclose(nearest.squared, expected, rtol=1e-4, atol=1e-6)


def test_who_is_certain_is_rarely_picked_and_directions_differ():
    """60 certain images; of 40 uncertain ones two kinds, of other features and other classes."""
    rng = np.random.default_rng(0)
    gradients, features = np.zeros((100, CLASSES)), rng.normal(0, 0.1, (100, FEATURES))
    gradients[:, 0], gradients[:, 1] = -1e-3, 1e-3
    gradients[60:80, :2], features[60:100, 0] = (-0.5, 0.5), 3
    gradients[80:, 2:], features[80:, 1] = (-0.5, 0.5), 3
    gradients[80:, :2] = 0
    scores = scores_of(gradients, features)

    picks = [select(scores, 3, seed) for seed in range(100)]
    # After the first, drawn uniformly, only the two uncertain kinds are far from what is chosen.
    assert all(sum(i >= 60 for i in p[1:]) >= 1 for p in picks)
    both = [any(60 <= i < 80 for i in p) and any(i >= 80 for i in p) for p in picks]
    assert sum(both) > 95


def test_embeddings_are_not_multiplied_out():
    """They would take 800 GB."""
    rng = np.random.default_rng(0)
    scores = scores_of(rng.normal(size=(200, 20000)), rng.normal(size=(200, 50000)))
    assert len(set(select(scores, 3))) == 3
