"""Tests of what the query makes of scores; the greedy choice has tests of its own."""

import math

import numpy as np
import pytest
from scipy.stats import rankdata

from mmal.queries import build_query
from mmal.structures import PoolScores

WEIGHTS = dict(
    pred_loss="pred_loss",
    entropy="entropy_mean",
    margin="margin_mean",
    least_confidence="least_confidence_mean",
)


def scores_of(features: np.ndarray, **columns: np.ndarray) -> PoolScores:
    ids = [str(i) for i in range(len(features))]
    fields = dict(features=features, **columns)
    return PoolScores(ids, ids, {k: np.asarray(v, np.float32) for k, v in fields.items()})


def select(scores: PoolScores, budget: int, known=None, seed: int = 0, **parameters) -> list[int]:
    query = build_query(dict(type="Herding", **parameters))
    return [int(i) for i in query.select(scores, budget, np.random.default_rng(seed), known)]


def on_circle(*degrees: float) -> np.ndarray:
    return np.stack([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))], axis=1)


def regrets(picks, features, known, weights, bandwidth):
    """How much less each pick gains than the best, by the definition and all candidates.

    Two samples that are each other's nearest, and nobody else's, gain exactly the same: rounding
    decides between them.
    """

    def kernel(x, y):
        x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
        return math.exp(-np.sum((x - y) ** 2) / bandwidth**2)

    features = features.astype(np.float64)
    covered = [max((kernel(x, y) for y in known), default=0) for x in features]
    for place, pick in enumerate(picks):
        left = set(range(len(features))) - set(picks[:place])
        counted = list(zip(features, weights, covered, strict=True))
        gains = {
            i: sum(w * max(0, kernel(n, features[i]) - c) for n, w, c in counted) for i in left
        }
        yield max(gains.values()) - gains[pick]
        covered = [max(c, kernel(n, features[pick])) for n, _, c in counted]


@pytest.mark.parametrize("weight", [None, *WEIGHTS])
@pytest.mark.parametrize("labeled", [0, 9])
def test_each_pick_gains_most(weight, labeled):
    rng = np.random.default_rng(1)
    features = (rng.normal(size=(50, 5)) + 0.5) * rng.uniform(0.1, 10, (50, 1))
    known = (rng.normal(size=(labeled, 5)) + 0.5).astype(np.float32)
    column = rng.random(50) * 3
    columns = {WEIGHTS[weight]: column} if weight else {}
    scores = scores_of(features, **columns)
    reads = scores_of(known, **{name: np.zeros(labeled) for name in columns}) if labeled else None

    picks = select(scores, 12, reads, weight=weight, bandwidth=0.6)
    weights = np.ones(50) if weight is None else column
    if weight == "pred_loss":  # its scale means nothing
        weights = rankdata(column) / 50
    lost = list(regrets(picks, scores.fields["features"], known, weights, 0.6))
    assert lost == pytest.approx([0] * 12, abs=1e-5)


def test_by_default_the_bandwidth_is_the_median_distance_to_the_nearest_other_labelled():
    rng = np.random.default_rng(2)
    scores = scores_of(rng.normal(size=(60, 4)))
    # Twice the same, and three more: their nearest others are 0, 0, 10, 10 and 20 degrees away.
    known = scores_of(np.pad(on_circle(0, 0, 100, 110, 130), [(0, 0), (0, 2)]))
    distance = 2 * math.sin(math.radians(10) / 2)

    picks = select(scores, 10, known)
    assert picks == select(scores, 10, known, bandwidth=distance)
    assert picks != select(scores, 10, known, bandwidth=1.0)


@pytest.mark.parametrize("known", [[], [30], [30, 30], [30, 30, 30, 30, 200]], ids=str)
def test_where_labelled_samples_tell_no_bandwidth_candidates_do(known):
    """10 clusters of a width of 1 degree, 36 degrees apart: one pick of each that is not known."""
    clusters = np.repeat(np.arange(10) * 36.0, 8)
    rng = np.random.default_rng(0)
    scores = scores_of(on_circle(*(clusters + rng.uniform(-0.5, 0.5, 80))))
    labeled = scores_of(on_circle(*known)) if known else None
    # Budgets of two clusters' sizes: the draw that tells the bandwidth has several of a cluster.
    picks = select(scores, 16, labeled)
    assert len({i // 8 for i in picks}) == 10


def test_a_difficult_cluster_is_picked_from_and_an_odd_difficult_image_is_not():
    """Margin by itself takes the odd one first, without weights the large easy cluster comes."""
    rng = np.random.default_rng(0)
    degrees = np.concatenate([rng.normal(0, 2, 60), rng.normal(90, 2, 20), [200]])
    margin = np.concatenate([np.full(60, 0.05), np.full(20, 0.8), [1.0]])
    scores = scores_of(on_circle(*degrees), margin_mean=margin)

    def cluster(pick: int) -> str:
        return "easy" if pick < 60 else "difficult" if pick < 80 else "odd"

    def first(**parameters) -> str:
        return cluster(select(scores, 1, bandwidth=0.2, reference=100, **parameters)[0])

    assert first(weight="margin") == "difficult"
    assert first() == "easy"
    by_margin = build_query(dict(type="Margin")).select(scores, 1, np.random.default_rng(0))
    assert cluster(int(by_margin[0])) == "odd"


def test_near_duplicates_are_not_picked_twice_nor_what_is_close_to_a_labelled_sample():
    degrees = np.repeat(np.arange(12) * 30.0, 5) + np.tile([0, 0, 0.01, 0.02, 0.03], 12)
    scores = scores_of(on_circle(*degrees))
    known = scores_of(on_circle(0.01, 30.01))
    for seed in range(5):
        picks = select(scores, 10, known, seed)
        assert sorted(i // 5 for i in picks) == list(range(2, 12))


def test_length_does_not_matter():
    rng = np.random.default_rng(3)
    features = rng.normal(size=(40, 6))
    longer = features * 2.0 ** rng.integers(-8, 8, (40, 1))  # exact in binary
    assert select(scores_of(features), 10) == select(scores_of(longer), 10)


def test_reference_is_drawn_from_the_candidates_in_proportion_to_the_budget(monkeypatch):
    sizes = []
    monkeypatch.setattr(
        "mmal.queries.herding.KernelCoverage",
        lambda features, known, drawn, weights, bandwidth: sizes.append(set(drawn)) or 1 / 0,
    )
    scores = scores_of(np.random.default_rng(0).normal(size=(300, 3)))
    for budget, parameters in ((7, {}), (7, dict(reference=3)), (20, {})):
        with pytest.raises(ZeroDivisionError):
            select(scores, budget, **parameters)
    assert [len(drawn) for drawn in sizes] == [140, 21, 300]
    assert sizes[0] <= set(range(300))


def test_if_nothing_is_uncertain_everything_counts_the_same():
    """As with a detector that finds no boxes yet."""
    features = np.random.default_rng(4).normal(size=(40, 6))
    without = scores_of(features, entropy_mean=np.full(40, -1e-9))
    assert select(without, 10, weight="entropy") == select(scores_of(features), 10)


def test_features_that_are_all_the_same_leave_it_to_chance():
    for features in (np.zeros((20, 3)), np.ones((20, 3))):
        scores = scores_of(features)
        assert len(set(select(scores, 20, scores_of(features[:4])))) == 20
        assert len({select(scores, 1, seed=seed)[0] for seed in range(30)}) > 5


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("weight", "badness", r"None or one of \['pred_loss', 'entropy', 'margin', 'least"),
        ("bandwidth", 0, "None or a number of at least 0.001"),
        ("bandwidth", -1.0, "None or a number of at least 0.001"),
        ("bandwidth", math.nan, "None or a number of at least 0.001"),
        ("bandwidth", math.inf, "None or a number of at least 0.001"),
        ("bandwidth", "auto", "None or a number of at least 0.001"),
        ("reference", 0, "an integer of at least 1"),
        ("reference", 1.5, "an integer of at least 1"),
        ("reference", None, "an integer of at least 1"),
    ],
)
def test_other_parameters_are_refused(name, value, rule):
    message = f"The '{name}' parameter of Herding must be {rule}.* Got {value!r} instead"
    with pytest.raises(ValueError, match=message):
        build_query(dict(type="Herding", **{name: value}))


def test_weights_that_are_equal_are_no_reason_for_doubt() -> None:
    """As of a detector that predicts nothing yet: the features decide."""
    query = build_query(dict(type="Herding", weight="margin"))
    assert query.requires == ("features", "margin_mean")
    assert query.decisive == ("features",)
    assert build_query(dict(type="Margin")).decisive == ("margin_mean",)
