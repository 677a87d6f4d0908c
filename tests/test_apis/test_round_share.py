"""How much of a round is not training: by hand, and measured on a tiny detector."""

import pytest
from mmengine.config import Config

from mmal.apis.round_share import RoundParts, measure_parts, shares
from mmal.engine.rounds.rates import Rates


def test_shares_by_hand(cfg: Config) -> None:
    """Six labelled of 16, then ten, then 14; batches of four, three epochs."""
    rates = Rates(step=10.0, evaluated=2.0, scored=1.0, picked=0.5)
    parts = RoundParts(rates, metric=0.25, build=3.0, commit=7.0)
    rest = 5 * 2.0 + 5 * 0.25 + 2 * 3.0
    assert shares(cfg, parts, pool=16, test=5) == [
        (6, 3 * 2 * 10.0, rest + 10 * 1.0 + 10 * 4 * 0.5 + 7.0),
        (10, 3 * 3 * 10.0, rest + 6 * 1.0 + 6 * 4 * 0.5 + 7.0),
        (14, 3 * 4 * 10.0, rest),
    ]


def test_parts_are_measured(cfg: Config) -> None:
    cfg.train_dataloader.batch_size = 32  # more than are labelled
    parts = measure_parts(cfg, pool=2000, batch_size=2)
    assert parts.rates.complete
    assert all(value > 0 for value in (parts.rates.step, parts.metric, parts.build, parts.commit))
    labeled, training, rest = shares(cfg, parts, 2000, 100)[0]
    assert (labeled, training) == (6, pytest.approx(3 * parts.rates.step))
    assert rest > 100 * parts.rates.evaluated
