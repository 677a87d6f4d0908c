"""Tests of the ``active_learning`` dict."""

import pytest
from mmengine.config import Config

from mmal.engine.rounds import RoundSettings
from mmal.queries import LearnedLoss, Random

GOOD = dict(rounds=4, initial=60, budget=40)


def from_config(**active_learning) -> RoundSettings:
    return RoundSettings.from_config(Config(dict(active_learning=active_learning)))


def test_defaults_are_the_papers():
    settings = from_config(**GOOD)

    assert (settings.rounds, settings.initial, settings.budget) == (4, 60, 40)
    assert settings.subset is None  # the whole pool
    assert list(settings.ignore_classes) == []
    assert settings.group_by == "sample"
    assert isinstance(settings.build_query(), LearnedLoss)


def test_all_keys_are_read():
    settings = from_config(**GOOD, query=dict(type="mmal.Random"), subset=50, ignore_classes=["x"])

    assert settings.subset == 50
    assert list(settings.ignore_classes) == ["x"]
    assert isinstance(settings.build_query(), Random)


@pytest.mark.parametrize(
    "changes", [dict(rounds=1), dict(initial=2), dict(budget=1), dict(budget=40, subset=40)]
)
def test_least_values(changes):
    from_config(**{**GOOD, **changes})


@pytest.mark.parametrize("name", ["rounds", "initial", "budget", "subset"])
@pytest.mark.parametrize("value", [0, -1, 2.0, "3"])
def test_numbers_must_be_positive_integers(name, value):
    message = rf"active_learning\.{name} must be a positive integer\. Got {value!r} instead"

    with pytest.raises(ValueError, match=message):
        from_config(**{**GOOD, name: value})


@pytest.mark.parametrize("name", ["rounds", "initial", "budget"])
def test_only_the_subset_may_be_none(name):
    with pytest.raises(ValueError, match=rf"active_learning\.{name} must be a positive integer"):
        from_config(**{**GOOD, name: None})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(initial=1), r"initial must be at least 2: .* pairs\. Got 1 instead"),
        (dict(subset=39), r"subset \(39\) must be at least the budget \(40\)"),
        (dict(group_by="person"), r"group_by must be one of \['sample', 'image'\]\. Got 'person'"),
        (dict(group_score="sum"), r"group_score must be one of \['mean', 'max'\]\. Got 'sum'"),
    ],
)
def test_numbers_that_do_not_fit(changes, message):
    with pytest.raises(ValueError, match=message):
        from_config(**{**GOOD, **changes})


def _without(name: str) -> dict:
    return {key: value for key, value in GOOD.items() if key != name}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, r"config some\.py needs active_learning = dict\(rounds=…, .* has none"),
        (dict(active_learning=None), r"config some\.py needs active_learning .* has none"),
        (dict(active_learning={}), r"some\.py lacks \['rounds', 'initial', 'budget'\]"),
        *[(dict(active_learning=_without(name)), rf"lacks \['{name}'\]") for name in GOOD],
        (dict(active_learning=dict(GOOD, buget=3)), r"lacks \[\] .* unknown keys \['buget'\]"),
    ],
)
def test_missing_and_unknown_keys(content, message):
    with pytest.raises(ValueError, match=message):
        RoundSettings.from_config(Config(content, cfg_text="#", filename="some.py"))


def test_rounds_need_enough_samples():
    settings = from_config(**GOOD)

    settings.check_pool_size(60 + 3 * 40)
    with pytest.raises(
        ValueError, match=r"needs 180 samples \(initial 60 \+ 3 acquisitions of 40\), .* has 179"
    ):
        settings.check_pool_size(179)


def test_a_string_is_no_tuple_of_classes() -> None:
    """Its letters would be."""
    with pytest.raises(ValueError, match=r"ignore_classes must be a tuple .* string 'one' instead"):
        from_config(rounds=2, initial=2, budget=2, ignore_classes="one")
    from_config(rounds=2, initial=2, budget=2, ignore_classes=["one"])  # as --cfg-options has it


def test_rounds_that_are_no_dict() -> None:
    with pytest.raises(ValueError, match=r"active_learning .* must be a dict .* Got 5 instead"):
        RoundSettings.from_config(Config(dict(active_learning=5)))
