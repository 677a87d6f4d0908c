"""Tests of picking from scores, against loops."""

import numpy as np
import pytest

from mmal.queries.picking import (
    NearestDistances,
    k_center_greedy,
    kmeans_plus_plus,
    rank,
    top_k,
)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# Largest scores


@pytest.mark.parametrize("k", [1, 2, 50, 99, 100])
def test_top_k_sorts(k):
    scores = generator().normal(size=100)

    expected = sorted(range(100), key=lambda i: scores[i], reverse=True)[:k]
    assert top_k(scores, k, generator()).tolist() == expected


def test_top_k_draws_among_equals_at_the_threshold_and_above():
    scores = np.array([3.0, 1, 1, 1, 2, 2, 0])
    drawn = [top_k(scores, 5, generator(seed)).tolist() for seed in range(300)]

    assert all(scores[d].tolist() == [3, 2, 2, 1, 1] for d in drawn)
    for order in ([4, 5], [5, 4]):  # 150 each, deviation 8.7
        assert abs(sum(d[1:3] == order for d in drawn) - 150) < 35
    for index in (1, 2, 3):  # 200 each, deviation 8.2
        assert abs(sum(index in d for d in drawn) - 200) < 35


def test_top_k_of_infinite_scores():
    scores = np.array([0, np.inf, -np.inf, np.inf])

    assert sorted(top_k(scores, 2, generator()).tolist()) == [1, 3]
    assert top_k(scores, 4, generator())[2:].tolist() == [0, 2]


def test_ranks():
    np.testing.assert_allclose(rank(np.array([30.0, 10, 20, 20])), [1, 0.25, 0.625, 0.625])


# Core-set


def naive_k_center(candidates, labeled, k):
    """Algorithm 1 of Sener & Savarese by loops, in double precision."""
    centers = list(labeled.astype(np.float64))
    chosen = []
    for _ in range(k):
        far = {
            i: min(np.linalg.norm(x - c) for c in centers)
            for i, x in enumerate(candidates.astype(np.float64))
            if i not in chosen
        }
        chosen.append(max(far, key=far.get))
        centers.append(candidates[chosen[-1]].astype(np.float64))
    return chosen


@pytest.mark.parametrize("offset", [0, 30])
def test_k_center_is_that_of_a_loop(offset):
    rng = generator(1)
    candidates = (rng.normal(size=(60, 7)) + offset).astype(np.float32)
    labeled = (rng.normal(size=(5, 7)) + offset).astype(np.float32)

    found = k_center_greedy(candidates, labeled, 60, generator())
    # Of the last few, distances are equal but for rounding.
    assert found.tolist()[:50] == naive_k_center(candidates, labeled, 50)
    assert sorted(found) == list(range(60))


def test_chunks_do_not_matter(monkeypatch):
    rng = generator(2)
    candidates, labeled = rng.normal(size=(2, 50, 4)).astype(np.float32)
    whole = NearestDistances(candidates, labeled).squared.cpu().numpy()
    monkeypatch.setattr("mmal.queries.picking._DISTANCES", 7 * 50)
    chunked = NearestDistances(candidates, labeled).squared.cpu().numpy()

    differences = candidates[:, None].astype(np.float64) - labeled
    expected = (differences**2).sum(-1).min(1)
    np.testing.assert_allclose(whole, expected, rtol=1e-4)
    np.testing.assert_allclose(chunked, expected, rtol=1e-4)


def test_without_labels_the_first_center_is_drawn():
    candidates = generator().normal(size=(4, 3)).astype(np.float32)
    firsts = [k_center_greedy(candidates, None, 1, generator(s))[0] for s in range(400)]

    assert all(abs(firsts.count(i) - 100) < 35 for i in range(4))


# k-means++


def test_kmeans_plus_plus_draws_by_squared_distance():
    candidates = np.array([[0.0], [1], [3]], np.float32)
    labeled = np.array([[0.0]], np.float32)
    firsts = [
        kmeans_plus_plus(NearestDistances(candidates, labeled), 1, generator(s))[0]
        for s in range(1000)
    ]

    # Squared distances 0, 1 and 9; the deviation is sqrt(1000 * 0.1 * 0.9) = 9.5.
    assert firsts.count(0) == 0
    assert abs(firsts.count(1) - 100) < 38


def test_kmeans_plus_plus_starts_anywhere_and_takes_copies_last():
    candidates = np.array([[0.0], [0], [0], [5]], np.float32)
    drawn = [
        kmeans_plus_plus(NearestDistances(candidates, None), 4, generator(s)).tolist()
        for s in range(400)
    ]

    assert all(sorted(d) == [0, 1, 2, 3] for d in drawn)
    assert all(3 in d[:2] for d in drawn)
    assert all(abs(sum(d[0] == i for d in drawn) - 100) < 35 for i in range(4))
