"""What rounds leave behind for those who look at them; an error in it is a warning."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.runner import Runner
from torch import nn

from mmal.datasets import PoolDataset
from mmal.models.features import FEATURES
from mmal.queries import Query
from mmal.structures import PoolRound, PoolScores
from mmal.tasks import task_of_pipeline
from mmal.visualization import plot_picks

from ..data_config import DataConfig
from ..reporting import (
    leave_explanation,
    leave_pool_predictions,
    leave_test_predictions,
    read_round,
    warned,
)

#: Candidates whose embeddings are kept to explain picks, at the most: they take memory.
_EXPLAINED = 20_000


def explained_names(query: Query, candidates: int) -> tuple[str, ...]:
    """Return the scores that a query reads and, where it costs nothing, vectors to explain picks.

    Predicted losses are computed from the module's embedding.

    Args:
        query: The query.
        candidates: How many are scored.
    """
    names = tuple(query.requires)
    has_vectors = {"embedding", "penultimate", *FEATURES} & set(names)
    if "pred_loss" not in names or has_vectors or candidates > _EXPLAINED:
        return names
    return (*names, "embedding")


def describe_picks(
    model: nn.Module,
    dataset: PoolDataset,
    picks: Sequence[str],
    scored: Sequence[PoolScores],
    round_dir: Path,
    data: DataConfig,
) -> None:
    """Leave why samples were picked, and what the model predicts in them.

    Args:
        model: The round's model.
        dataset: What was scored, labelled or not.
        picks: Ids, best first.
        scored: Scores of candidates and, where the query read those, labelled samples; empty if
            nothing was scored.
        round_dir: The round's folder, with the candidates' ``scores.parquet``.
        data: The data of the config.
    """
    scores = None
    with warned("why samples were picked cannot be said"):
        for found in scored:
            candidates = PoolScores.load(round_dir / "scores.parquet").ids
            known = sorted(set(found.ids) - set(candidates))
            scores = found.take(candidates)
            leave_explanation(scores, found.take(known) if known else None, picks, round_dir)
    with warned("what is predicted in the picks cannot be said"):
        leave_pool_predictions(model, dataset, picks, scores, round_dir, **data.loading())


def predict_in_worst(
    runner: Runner, data: DataConfig, losses: Mapping[str, Sequence], round_dir: Path
) -> None:
    """Leave what the model predicts in the test images whose loss it predicts worst."""
    with warned("what is predicted in test images cannot be said"):
        dataset = runner.test_dataloader.dataset
        task = task_of_pipeline(data.test_pipeline)
        leave_test_predictions(runner.model, dataset, task, losses, round_dir, **data.loading())


def picture_picks(round_dir: Path, index: int, acquired: PoolRound) -> None:
    """Leave a contact sheet of the picks, unless it is there."""
    path = round_dir / "picks.png"
    if path.exists():
        return
    with warned("the picks cannot be drawn"):
        found = read_round(round_dir, index, acquired.picks, acquired.query)
        title = f"Round {index}: {found.budget} picked by {acquired.query}, best first"
        if len(found.picks) < found.budget:
            title += f"; the first {len(found.picks)}"
        plot_picks(found.picks, path, title)
