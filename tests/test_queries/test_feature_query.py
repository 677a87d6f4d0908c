"""Which features the queries read; what they pick by them is in the tests of each."""

import numpy as np
import pytest
from mmengine.config import Config

from mmal.apis.cli import parse_query
from mmal.models.features import FEATURES
from mmal.queries import build_query
from mmal.structures import PoolScores

DEFAULTS = dict(
    CoreSet=("features",),
    Herding=("features",),
    KMeansPlusPlus=("embedding", "pred_loss"),
)


@pytest.mark.parametrize("name", DEFAULTS)
def test_columns(name):
    others = DEFAULTS[name][1:]
    assert build_query(dict(type=name)).requires == DEFAULTS[name]
    for features, column in [
        ({}, "features"),
        (dict(source="target"), "features"),
        (dict(unit_levels=True), "features_unit"),
        (dict(source="backbone"), "backbone_features"),
        (dict(source="pretrained", unit_levels=False), "pretrained_features"),
        (dict(source="objects", unit_levels=True), "object_features_unit"),
    ]:
        cfg = Config(dict(query=dict(type=name, features=features))).query
        assert build_query(cfg).requires == (column, *others)


@pytest.mark.parametrize("name", DEFAULTS)
def test_picks_are_by_the_chosen_column_alone(name):
    """Every column has one sample that is far from all others, another one each."""
    rng = np.random.default_rng(0)
    ids = [str(i) for i in range(20)]
    fields = {column: rng.normal(size=(20, 4)) for column in (*FEATURES, "embedding")}
    fields["pred_loss"] = np.ones(20)
    cfg = dict(type=name, features=dict(source="backbone", unit_levels=True))
    query = build_query(cfg)
    select = {
        column: query.select(
            PoolScores(ids, ids, fields | {column: fields[column][::-1] * 3}),
            5,
            np.random.default_rng(1),
        )
        for column in ("features", "backbone_features", "embedding", "backbone_features_unit")
    }
    last = select.pop("backbone_features_unit")
    assert len({tuple(picks) for picks in select.values()}) == 1
    assert last not in select.values()


@pytest.mark.parametrize("name", DEFAULTS)
@pytest.mark.parametrize(
    ("features", "message"),
    [
        ("backbone", r"'features' parameter of {} must be None or a dict .*Got 'backbone'"),
        (dict(level=1), r"with keys of \['source', 'unit_levels'\]\. Got {{'level': 1}}"),
        (dict(source="neck"), r"'features.source' .* of \['target', .*'objects'\]\. Got 'neck'"),
        (dict(source=["target"]), r"'features.source' .* of {} .*Got \['target'\]"),
        (dict(unit_levels="yes"), r"'features.unit_levels' .* {} .* True or False\. Got 'yes'"),
    ],
)
def test_other_values_are_refused(name, features, message):
    with pytest.raises(ValueError, match=message.format(name)):
        build_query(dict(type=name, features=features))


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("CoreSet(features=dict(source='backbone'))", None),
        ("CoreSet(features={'source': 'backbone'})", "CoreSet(features=dict(source='backbone'))"),
        (
            "Herding(weight='margin', features=dict(unit_levels=True, source='objects'))",
            "Herding(features=dict(source='objects', unit_levels=True), weight='margin')",
        ),
    ],
)
def test_spelling_on_a_command_line_and_in_a_pool_file(text, description):
    description = description or text
    assert build_query(parse_query(text)).description == description
    assert build_query(parse_query(description)).description == description


@pytest.mark.parametrize("value", ["dict(source=neck)", "dict(['source'])", "list()", "backbone"])
def test_what_is_no_value_on_a_command_line_is_refused(value):
    message = r"features must be a number, a string in quotes, or a list or dict\(…\) of such"
    with pytest.raises(ValueError, match=message):
        parse_query(f"CoreSet(features={value})")
