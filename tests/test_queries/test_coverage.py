"""Tests of covering a pool by a kernel, against loops in double precision."""

import numpy as np
import pytest

from mmal.queries import coverage as module
from mmal.queries.coverage import (
    LEAST_BANDWIDTH,
    KernelCoverage,
    greedy_coverage,
    median_nearest,
    unit_length,
)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def kernels(left: np.ndarray, right: np.ndarray, bandwidth: float) -> np.ndarray:
    differences = left[:, None].astype(np.float64) - right[None].astype(np.float64)
    return np.exp(-np.square(differences).sum(axis=-1) / bandwidth**2)


def plain_greedy(candidates, labeled, reference, weights, bandwidth, k):
    """Compute every gain before every choice."""
    kernel = kernels(candidates, candidates[reference], bandwidth)
    covered = np.zeros(len(reference))
    if labeled is not None:
        covered = kernels(labeled, candidates[reference], bandwidth).max(axis=0)
    chosen = []
    for _ in range(k):
        gains = [
            -1
            if i in chosen
            else sum(w * max(0, v - c) for w, v, c in zip(weights, row, covered, strict=True))
            for i, row in enumerate(kernel)
        ]
        chosen.append(int(np.argmax(gains)))
        covered = np.maximum(covered, kernel[chosen[-1]])
    return chosen


def problem(seed: int, size: int = 120, labeled: int = 8, drawn: int = 70):
    """Candidates of four clusters, labelled samples, a reference set, and weights."""
    rng = generator(seed)
    vectors = rng.normal(size=(4, 6))[rng.integers(4, size=size + labeled)]
    vectors = unit_length((vectors + rng.normal(scale=0.4, size=vectors.shape)).astype(np.float32))
    reference = rng.permutation(size)[:drawn]
    known = vectors[size:] if labeled else None
    return vectors[:size], known, reference, rng.random(drawn).astype(np.float32)


@pytest.fixture(params=["kept", "computed again", "some of each"])
def memory(request, monkeypatch):
    """Whether kernel values find room; blocks and tiles much smaller than the problem."""
    kept = {"kept": 2**26, "computed again": 0, "some of each": 300}[request.param]
    sizes = dict(_KEPT=kept, _BLOCK=500, _ROWS=11, _COLUMNS=13, _BATCH=3)
    for name, value in sizes.items():
        monkeypatch.setattr(module, name, value)


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("labeled", [0, 1, 8])
@pytest.mark.parametrize("seed", range(3))
def test_lazy_choices_are_those_of_plain_greedy(seed, labeled):
    candidates, known, reference, weights = problem(seed, labeled=labeled)
    coverage = KernelCoverage(candidates, known, reference, weights, 0.5)

    expected = plain_greedy(candidates, known, reference, weights, 0.5, 40)
    assert greedy_coverage(coverage, 40, generator()).tolist() == expected


@pytest.mark.usefixtures("memory")
def test_gains_and_what_is_covered():
    candidates, known, reference, weights = problem(0)
    coverage = KernelCoverage(candidates, known, reference, weights, 0.7)
    kernel = kernels(candidates, candidates[reference], 0.7)
    covered = kernels(known, candidates[reference], 0.7).max(axis=0)
    np.testing.assert_allclose(coverage.covered, covered, rtol=1e-5)

    for index in (5, 17, 101):
        expected = np.maximum(kernel - covered, 0) @ weights
        np.testing.assert_allclose(coverage.gains(np.arange(120)), expected, atol=1e-5)
        some = np.array([17, 3, 99])
        np.testing.assert_allclose(coverage.gains(some), expected[some], atol=1e-5)
        coverage.choose(index)
        covered = np.maximum(covered, kernel[index])
        np.testing.assert_allclose(coverage.covered, covered, rtol=1e-5)


def test_few_gains_are_computed(monkeypatch):
    """Of 2,000 candidates in clusters, for 100 choices: a tenth of what plain greedy computes."""
    computed = []
    gains = KernelCoverage.gains
    monkeypatch.setattr(
        KernelCoverage, "gains", lambda self, i: computed.append(len(i)) or gains(self, i)
    )
    candidates, known, reference, weights = problem(0, size=2000, labeled=50, drawn=1000)
    greedy_coverage(KernelCoverage(candidates, known, reference, weights, 0.3), 100, generator())
    assert sum(computed) < 0.1 * 2000 * 100


def test_all_can_be_chosen_and_equal_gains_are_put_in_random_order():
    candidates = np.repeat(np.eye(2, dtype=np.float32), 2, axis=0)
    ones = np.ones(4, np.float32)
    orders = {
        tuple(
            greedy_coverage(
                KernelCoverage(candidates, None, np.arange(4), ones, 0.1), 4, generator(seed)
            ).tolist()
        )
        for seed in range(300)
    }
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
    # One of each pair, then the others: 4 * 2 * 2 orders.
    assert all({order[0] // 2, order[1] // 2} == {0, 1} for order in orders)
    assert len(orders) == 16


@pytest.mark.parametrize("offset", [0, 100])
def test_small_differences_from_a_large_mean_are_seen(offset):
    """As of features of one sign, whose mean is far from 0; squares are about 1e4 times theirs."""
    rng = generator()
    candidates = (rng.integers(-64, 64, (50, 4)) / 128 + offset).astype(np.float32)
    coverage = KernelCoverage(candidates, None, np.arange(50), np.ones(50, np.float32), 0.4)
    expected = kernels(candidates, candidates, 0.4).sum(axis=1)
    np.testing.assert_allclose(coverage.gains(np.arange(50)), expected, rtol=1e-4)


# Bandwidth and length


@pytest.mark.parametrize("size", [2, 3, 40, 250])
def test_median_distance_to_the_nearest_other(size):
    vectors = (generator(size).normal(size=(size, 5)) + 3).astype(np.float32)
    distances = np.linalg.norm(vectors[:, None] - vectors, axis=-1)
    np.fill_diagonal(distances, np.inf)
    assert median_nearest(vectors, generator()) == pytest.approx(
        np.median(distances.min(axis=1)), rel=1e-4
    )


def test_median_distance_of_copies_and_of_one():
    vectors = generator().random((30, 5), dtype=np.float32)
    assert median_nearest(np.concatenate([vectors, vectors]), generator()) == 0
    assert median_nearest(np.concatenate([vectors, vectors[:1]]), generator()) > 0.1
    assert median_nearest(vectors[:1], generator()) == 0


def test_median_of_many_is_that_of_a_draw():
    vectors = generator().normal(size=(3000, 2)).astype(np.float32)
    distances = np.linalg.norm(vectors[:, None] - vectors, axis=-1)
    np.fill_diagonal(distances, np.inf)
    expected = np.median(distances.min(axis=1))
    drawn = {median_nearest(vectors, generator(seed)) for seed in range(3)}
    assert len(drawn) == 3
    assert all(value == pytest.approx(expected, rel=0.2) for value in drawn)


def test_unit_length():
    vectors = np.array([[3, 4], [0, 0], [1e-30, 0], [0, -1e30]], np.float32)
    expected = [[0.6, 0.8], [0, 0], [1, 0], [0, -1]]
    np.testing.assert_allclose(unit_length(vectors), expected, rtol=1e-6)


@pytest.mark.usefixtures("memory")
def test_far_apart_each_covers_itself_whatever_the_bandwidth() -> None:
    """Products in single precision are too coarse for the least bandwidth."""
    vectors = unit_length(generator().normal(size=(60, 64)).astype(np.float32))
    reference = np.arange(10, 60)
    coverage = KernelCoverage(vectors, None, reference, np.ones(50, np.float32), LEAST_BANDWIDTH)
    expected = (np.arange(60) >= 10).astype(float)
    np.testing.assert_allclose(coverage.gains(np.arange(60)), expected, atol=1e-6)
    coverage.choose(20)
    expected[20] = 0
    np.testing.assert_allclose(coverage.gains(np.arange(60)), expected, atol=1e-6)
