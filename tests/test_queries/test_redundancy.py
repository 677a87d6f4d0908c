"""Near-duplicates in a pool, such as frames of a video: which queries spend a budget on them."""

import numpy as np
import pytest

from mmal.queries import build_query
from mmal.structures import PoolScores

COPIES, SCENES = 10, 30


@pytest.fixture
def video() -> PoolScores:
    """30 scenes of 10 frames each that are nearly equal; the loss is that of the scene."""
    rng = np.random.default_rng(0)
    scenes = np.repeat(rng.normal(size=(SCENES, 16)), COPIES, axis=0)
    losses = np.repeat(rng.normal(size=SCENES), COPIES)
    size = SCENES * COPIES

    def frames(values):
        return (values + rng.normal(scale=0.01, size=values.shape)).astype(np.float32)

    numbers = ("pred_loss", "entropy_mean", "margin_mean", "least_confidence_mean")
    fields = {name: frames(losses) for name in numbers}
    fields |= {name: frames(scenes) for name in ("features", "embedding")}
    ids = [f"{i // COPIES}/{i % COPIES}" for i in range(size)]
    return PoolScores(ids, ids, fields)


def scenes_picked(name: str, video: PoolScores) -> int:
    picks = build_query(dict(type=name)).select(video, SCENES, np.random.default_rng(0))
    return len({pick.split("/")[0] for pick in picks})


@pytest.mark.parametrize("name", ["CoreSet", "Herding"])
def test_queries_by_distance_pick_every_scene_once(name, video):
    assert scenes_picked(name, video) == SCENES


def test_herding_by_uncertainty_leaves_certain_scenes_out_but_picks_none_twice(video):
    values = video.fields["margin_mean"]
    uncertain = {i.split("/")[0] for i, value in zip(video.ids, values, strict=True) if value > 0}
    query = build_query(dict(type="Herding", weight="margin"))
    picks = query.select(video, len(uncertain), np.random.default_rng(0))
    assert {pick.split("/")[0] for pick in picks} == uncertain


def test_kmeans_plus_plus_picks_most_scenes(video):
    # Vectors scaled by the predicted loss: of scenes with a small one all frames are near zero.
    assert scenes_picked("KMeansPlusPlus", video) >= SCENES * 2 // 3


@pytest.mark.parametrize("name", ["LearnedLoss", "Entropy", "Margin", "LeastConfidence"])
def test_queries_by_a_number_spend_the_budget_on_copies(name, video):
    assert scenes_picked(name, video) <= SCENES // COPIES + 2
