"""The contract of every registered query."""

import random
from collections import Counter

import numpy as np
import pytest

from mmal.models.features import FEATURES, SOURCES
from mmal.queries import Query, build_query
from mmal.queries.feature_query import FeatureQuery
from mmal.registry import QUERIES
from mmal.structures import PoolScores

NAMES = sorted(QUERIES.module_dict)
#: Every query as it is by default, and those that read other columns with other parameters.
CONFIGS = [dict(type=name) for name in NAMES] + [
    dict(type="Herding", weight=weight)
    for weight in ("pred_loss", "entropy", "margin", "least_confidence")
]
BY_FEATURES = [name for name in NAMES if issubclass(QUERIES.get(name), FeatureQuery)]
CONFIGS += [
    dict(type=name, features=dict(source=source, unit_levels=source != "target"))
    for name in BY_FEATURES
    for source in SOURCES
]
CONFIGS += [dict(type="Herding", weight="margin", features=dict(unit_levels=True))]
COLUMNS = [(cfg, column) for cfg in CONFIGS for column in build_query(cfg).requires]
#: Columns of vectors.
VECTORS = (*FEATURES, "embedding", "logit_gradient", "penultimate")
READ_LABELED = [cfg for cfg in CONFIGS if build_query(cfg).reads_labeled]


def make_scores(query: Query, size: int, column=None, prefix: str = "VOC2007") -> PoolScores:
    """Scores of ``size`` samples in every column that the query reads; drawn, or as given."""
    rng = np.random.default_rng(0)
    fields = {}
    for name in query.requires:
        shape = (size, 5) if name in VECTORS else (size,)
        values = rng.normal(size=shape) if column is None else np.resize(column, shape[::-1]).T
        fields[name] = values.astype(np.float32)
    ids = [f"{prefix}/{i:06}" for i in range(size)]
    return PoolScores(ids, [f"{i}.jpg" for i in ids], fields)


@pytest.fixture(params=CONFIGS, ids=lambda cfg: build_query(cfg).description)
def query(request) -> Query:
    return build_query(request.param)


def test_both_queries_of_the_paper_are_registered():
    assert {"LearnedLoss", "Random"} <= set(NAMES)


@pytest.mark.parametrize("budget", [1, 7, 20])
def test_picks_are_as_many_as_asked_for_and_differ(query, budget):
    scores = make_scores(query, 20)
    picks = query.select(scores, budget, np.random.default_rng(0))

    assert isinstance(picks, list)
    assert len(picks) == len(set(picks)) == budget
    assert set(picks) <= set(scores.ids)


@pytest.mark.parametrize("budget", [-1, 0, 21])
def test_other_budgets_are_refused(query, budget):
    message = rf"{type(query).__name__} must be .* samples, 20\. Got {budget} instead"

    with pytest.raises(ValueError, match=message):
        query.select(make_scores(query, 20), budget, np.random.default_rng(0))


def test_pool_of_one_and_of_none(query):
    assert query.select(make_scores(query, 1), 1, np.random.default_rng(0)) == ["VOC2007/000000"]
    with pytest.raises(ValueError, match=r"samples, 0\. Got 1"):
        query.select(make_scores(query, 0), 1, np.random.default_rng(0))


@pytest.mark.parametrize("column", [None, np.zeros(20, np.float32)], ids=["scores", "ties"])
def test_generator_is_the_only_source_of_chance(query, column):
    scores = make_scores(query, 20, column)
    expected = query.select(scores, 10, np.random.default_rng(3))
    np.random.seed(0)
    random.seed(0)
    numpy_state, python_state = np.random.get_state(), random.getstate()

    assert query.select(scores, 10, np.random.default_rng(3)) == expected
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state[1])
    assert np.random.get_state()[2:] == numpy_state[2:]
    assert random.getstate() == python_state
    np.random.seed(1)
    random.seed(1)
    assert query.select(scores, 10, np.random.default_rng(3)) == expected


def test_chance_decides_among_equals(query):
    scores = make_scores(query, 4, np.full(4, 0.5))
    firsts = Counter(query.select(scores, 1, np.random.default_rng(s))[0] for s in range(400))

    # 100 each, with a binomial deviation of sqrt(400 * 1/4 * 3/4) = 8.7.
    assert set(firsts) == set(scores.ids)
    assert max(abs(n - 100) for n in firsts.values()) < 4 * 8.7


def test_scores_stay_as_they_are(query):
    scores, untouched = make_scores(query, 20), make_scores(query, 20)
    query.select(scores, 10, np.random.default_rng(0))

    assert scores.ids == untouched.ids
    for name, column in untouched.fields.items():
        np.testing.assert_array_equal(scores.fields[name], column)


def test_columns_that_a_query_does_not_read_do_not_matter(query):
    scores = make_scores(query, 20)
    expected = query.select(scores, 10, np.random.default_rng(0))
    scores.fields["unrelated"] = np.full(20, np.nan)

    assert query.select(scores, 10, np.random.default_rng(0)) == expected


@pytest.mark.parametrize("cfg", READ_LABELED)
def test_labelled_samples_are_never_picked_and_must_have_scores(cfg):
    query = build_query(cfg)
    scores, labeled = make_scores(query, 20), make_scores(query, 3, prefix="labelled")

    picks = query.select(scores, 20, np.random.default_rng(0), labeled)
    assert sorted(picks) == scores.ids
    labeled.fields[query.requires[0]][1] = np.nan
    column = query.requires[0]
    with pytest.raises(ValueError, match=rf"1 of 3 .* '{column}' .* 'labelled/000001"):
        query.select(scores, 1, np.random.default_rng(0), labeled)


@pytest.mark.parametrize("rows", [1, 6, 65_536])  # looked at at a time
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("cfg", "column"), COLUMNS)
def test_scores_that_are_not_finite_are_refused(cfg, column, value, rows, monkeypatch):
    monkeypatch.setattr("mmal.queries.base._ROWS", rows)
    query = build_query(cfg)
    scores = make_scores(query, 20)
    scores.fields[column][[5, 9]] = value

    message = (
        rf"{cfg['type']} cannot rank: 2 of 20 values of '{column}' .* that of 'VOC2007/000005'"
    )
    with pytest.raises(ValueError, match=message):
        query.select(scores, 1, np.random.default_rng(0))


@pytest.mark.parametrize(("cfg", "column"), COLUMNS)
def test_missing_scores_are_refused(cfg, column):
    query = build_query(cfg)
    scores = make_scores(query, 3)
    del scores.fields[column]
    scores.fields["other"] = np.zeros(3)

    with pytest.raises(
        ValueError, match=rf"{cfg['type']} needs the score '{column}', but .*'other'"
    ):
        query.select(scores, 1, np.random.default_rng(0))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("prefix", ["", "mmal."])
def test_build_with_and_without_the_scope(name, prefix):
    assert type(build_query(dict(type=prefix + name))) is QUERIES.get(name)


def test_unknown_query_is_refused():
    message = r"no query 'NoSuchQuery'\. Registered in mmal are \['BADGE', .*'LearnedLoss', .*\]"
    with pytest.raises(ValueError, match=message):
        build_query(dict(type="NoSuchQuery"))


class Picks(Query):
    """Returns what it is told to."""

    def __init__(self, returned: object) -> None:
        self.returned = returned

    def _pick(self, scores, labeled, budget, rng):
        return self.returned


@pytest.mark.parametrize(
    "returned",
    [[0], [0, 1, 2], [0, 0], [-1, 0], [0, 4], [True, False, True, False], ["a", "b"], [0.0, 1.0]],
)
def test_picks_that_are_none_are_refused(returned):
    scores = PoolScores(list("abcd"), list("abcd"))
    assert Picks([3, 1]).select(scores, 2, np.random.default_rng(0)) == ["d", "b"]
    with pytest.raises(ValueError, match=r"Picks._pick must return the places of 2 different"):
        Picks(returned).select(scores, 2, np.random.default_rng(0))


def test_requires_is_a_tuple():
    with pytest.raises(TypeError, match=r"must be a tuple of names, as in \('margin_mean',\)"):

        class Uncertain(Picks):
            requires = "margin_mean"


@pytest.mark.parametrize("cfg", ["CoreSet", None, dict(budget=3)])
def test_what_is_no_config_of_a_query(cfg):
    with pytest.raises(ValueError, match=r"as in dict\(type='mmal.CoreSet'\)"):
        build_query(cfg)
