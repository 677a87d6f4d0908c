"""Choosing the images that annotators get next."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mmengine.device import get_device
from mmengine.dist import barrier, is_main_process
from mmengine.runner import set_random_seed
from torch import nn

from mmal.datasets import PoolDataset
from mmal.datasets.exchange.image_names import is_utf8, name_problem
from mmal.models import LearningLossMixin, build_model, trained_model
from mmal.models.features import read_of_trained
from mmal.models.pretrained import pretrained_backbone
from mmal.queries import Query, build_query
from mmal.structures import Pool, PoolRound, PoolScores, UnreadableImage
from mmal.utils import few, quiet, type_name

from ..acquisition import acquire
from ..data_config import DataConfig
from ..recommended import recommended_query
from ..rounds.described import describe_picks, explained_names, picture_picks
from ..rounds.settings import RoundSettings
from ..rounds.work_dir import WorkDir
from ..score_shards import remove_shards
from ..scoring import score_pool
from ..unreadable import SKIPPED_FILE, write_skipped
from .loop_data import LoopData
from .project import Project, ProjectError
from .steps import Pick

#: What the first batch is picked by, before anything is labelled.
FIRST_QUERY = dict(type="mmal.Herding", features=dict(source="pretrained"))
FIRST_REQUIRES = build_query(FIRST_QUERY).requires


@dataclass(frozen=True)
class Candidates:
    """What may be picked, and what not, with why.

    Attributes:
        paths: Files of the images that may be picked, by id.
        labeled: Files of those that are labelled and still there, by id.
        left_out: How many images are left out, by reason.
        unreadable: Files that are no good.
        missing: Ids that were picked, labelled or skipped before and are not in the pool any more.
        digests: Of the files of ``paths``, by id.
    """

    paths: dict[str, str]
    labeled: dict[str, str]
    left_out: dict[str, int]
    unreadable: list[UnreadableImage]
    missing: list[str]
    digests: dict[str, str] = field(default_factory=dict)


def find_candidates(data: LoopData) -> Candidates:
    """List the pool anew and leave out what must not be picked.

    An image is labelled, skipped or in the test set if a file with its path or with the same bytes
    is. Of several files with the same bytes one may be picked.
    """
    project = data.project
    paths = project.images()
    facts = data.facts(list(paths.values()))
    taken = data.taken_digests()
    waiting = set(project.pending)
    known = {
        **dict.fromkeys(project.labeled, "labelled"),
        **dict.fromkeys(project.skipped, "skipped"),
    }
    known |= dict.fromkeys(waiting, "waiting for labels")
    digests = dict.fromkeys(filter(None, project.pending_digests.values()), "waiting for labels")
    found: dict[str, str] = {}
    left_out: Counter[str] = Counter()
    unreadable: list[UnreadableImage] = []
    for name, path in paths.items():
        fact = facts[path]
        if name in known:
            left_out[known[name]] += 1
        elif problem := _name_problem(name) or fact.says:
            unreadable.append(UnreadableImage(name, path, problem))
        elif why := taken.get(fact.digest) or digests.get(fact.digest):
            left_out[why] += 1
        else:
            found[name] = path
            digests[fact.digest] = "copies of other images"
    labeled = {name: paths[name] for name in project.labeled if name in paths}
    labeled |= {f"own/{path}": path for path in data.own_files()}
    present = {fact.digest for fact in facts.values()}
    # A file may have another name by now.
    digests_of = {**project.labeled, **project.skipped, **project.pending_digests}
    missing = [n for n in known if n not in paths and digests_of.get(n) not in present]
    bytes_of = {name: facts[path].digest for name, path in found.items()}
    return Candidates(found, labeled, dict(left_out), unreadable, missing, bytes_of)


def _name_problem(name: str) -> str | None:
    """Say why no list, table or annotation tool can have an image's name, if that is so."""
    if not is_utf8(name):
        return "its name is no UTF-8: rename it"
    return name_problem(name) or ("its name has a line break: rename it" if "\n" in name else None)


class Picked(NamedTuple):
    """What was picked.

    Attributes:
        step: The step.
        doubt: Why scores mean nothing, if they do not.
        by_module: Whether the query reads the loss prediction module.
    """

    step: Pick
    doubt: str | None
    by_module: bool


def pick_images(
    project: Project,
    data: LoopData,
    candidates: Candidates,
    budget: int,
    query: dict | None = None,
    checkpoint: str | os.PathLike | None = None,
    subset: int | None = None,
) -> Picked:
    """Score the candidates, pick, and write the step.

    Leaves ``scores.parquet`` (where scored), ``picks.txt`` and, where images could not be read,
    ``skipped.csv`` in the folder of the pick.

    Args:
        project: The project; gets a step.
        data: Its data.
        candidates: What may be picked.
        budget: How many images.
        query: Config of the query. By default that of the config's ``active_learning``, else the
            one recommended for the task; before anything is trained, herding on the features of
            the pretrained backbone, or, where the config names no weights, a random draw.
        checkpoint: The model that scores; by default that of the last training.
        subset: Score a random subset of this size instead of all.

    Raises:
        ProjectError: If there is nothing to pick, or the query reads what only a trained model
            gives.
        ValueError: If the checkpoint does not fit.
        TypeError: If the model cannot give a score.
    """
    if budget < 1 or (subset is not None and subset < budget):
        raise ProjectError(f"--budget must be positive, and --subset at least as large: {budget}.")
    if not candidates.paths:
        raise ProjectError("No image is left to be picked.")
    doubt = None
    if checkpoint is None and project.trainings:
        last = project.trainings[-1]
        checkpoint = project.root / last.checkpoint
        doubt = WorkDir(project.training).read_record(last.round).get("ranking_doubt")
    chosen, model = _query_and_model(data, query, checkpoint)
    number = len(project.picks)
    dataset = data.images(candidates.labeled | candidates.paths)
    # A pick draws other numbers than the one before.
    pool = _pool(dataset.pool.ids, candidates, project.sources.seed + number)
    out_dir = project.pick_dir(number)
    project.set_aside(out_dir)
    scored: list[PoolScores] = []
    score = _scorer(data, model, dataset, chosen, scored)
    budget = min(budget, len(pool.unlabeled_ids))
    settings = RoundSettings.from_config(data.training_config())
    acquired = acquire(
        pool,
        None,
        out_dir,
        dataset,
        chosen,
        budget,
        subset,
        score,
        doubt if _reads_module(chosen) else None,
        settings.when_doubtful == "random",
        settings.unreadable,
    )
    scores_by = os.path.relpath(checkpoint, project.root) if checkpoint and model else None
    digests = {name: candidates.digests[name] for name in acquired.picks}
    step = Pick(pool.rounds[-1].query, scores_by, acquired.picks, digests)
    project.take(step)
    if is_main_process():
        write_skipped(out_dir / SKIPPED_FILE, [*candidates.unreadable, *acquired.skipped])
        if scores_by is not None:
            describe_picks(model, dataset, step.picks, scored, out_dir, DataConfig(data.cfg))
        picture_picks(out_dir, number, PoolRound(step.query, step.picks))
        scored.clear()  # which hold files open
        remove_shards(project.scoring)
    barrier()
    return Picked(step, acquired.doubt, bool(_reads_module(chosen)))


def _reads_module(query: Query) -> set[str]:
    """What a query reads of the loss prediction module."""
    return {"pred_loss", "embedding"} & set(query.requires)


def _query_and_model(
    data: LoopData, given: dict | None, checkpoint: str | os.PathLike | None
) -> tuple[Query, nn.Module | None]:
    """Build the query and, if it reads scores, the model that gives them."""
    query = _query(data, given, checkpoint is not None)
    if not query.requires:
        return query, None
    reads = _reads_module(query)
    if checkpoint is None and (trained := read_of_trained(query.requires)):
        raise ProjectError(
            f"{query.description} reads {few(trained)} of a trained model, but nothing is trained "
            "yet. Train first, give a --checkpoint, or leave --query out."
        )
    if checkpoint is not None:
        model = trained_model(data.cfg, checkpoint, module=bool(reads))
    else:
        model = _untrained(data, query)
    if reads and not isinstance(model, LearningLossMixin):
        raise ProjectError(
            f"{query.description} reads what the loss prediction module predicts, but the config's "
            "model has none. Wrap it by mmal.LearningLoss, or pick by another --query, such as "
            "Herding."
        )
    return query, model


def _pool(ids: Sequence[str], candidates: Candidates, seed: int) -> Pool:
    """Return a pool of what may be picked and what is labelled.

    Args:
        ids: Of the images that can be scored: of a top-down estimator's, those with people.
        candidates: What is what.
        seed: Of the draws.
    """
    labeled = [name for name in ids if name in candidates.labeled]
    if len(labeled) == len(ids):
        raise ProjectError("In no image that may be picked there are people.")
    return Pool(ids, seed, [PoolRound("labelled", labeled)] if labeled else [])


def _query(data: LoopData, given: dict | None, trained: bool) -> Query:
    """Build the query that is asked for, or the one that suits what there is."""
    configured = (data.cfg.get("active_learning") or {}).get("query")
    if given is not None:
        return build_query(given)
    if trained:
        learns_loss = type_name(data.cfg.model) == "LearningLoss"
        if configured:
            query = build_query(configured)
            if learns_loss or not _reads_module(query):
                return query
        return build_query(recommended_query(data.task, lambda: build_model(data.cfg)))
    first = build_query(FIRST_QUERY)
    try:
        pretrained_backbone(data.cfg, first.requires)
    except (ValueError, TypeError):  # no weights, or no backbone
        return build_query(dict(type="mmal.Random"))
    return first


def _untrained(data: LoopData, query: Query) -> nn.Module:
    """Build the model as its training would begin, for a query that reads its pretrained part.

    Raises:
        ProjectError: If there are no weights.
    """
    try:
        pretrained_backbone(data.cfg, FIRST_REQUIRES)
    except (ValueError, TypeError) as error:
        raise ProjectError(
            f"{query.description} reads features, but nothing is trained yet: {error}"
        ) from error
    set_random_seed(data.project.sources.seed)
    with quiet():
        model = build_model(data.cfg)
        model.init_weights()
    return model.to(get_device())


def _scorer(
    data: LoopData,
    model: nn.Module | None,
    dataset: PoolDataset,
    query: Query,
    scored: list[PoolScores],
) -> Callable[[list[str]], PoolScores]:
    config = DataConfig(data.cfg)

    def score(ids: list[str]) -> PoolScores:
        scores = score_pool(
            model,
            dataset,
            ids=ids,
            group_score=config.group_score,
            names=explained_names(query, len(ids)),
            pretrained=pretrained_backbone(data.cfg, query.requires),
            unreadable=config.unreadable,
            folder=data.project.scoring,
            settings=config.scored_by,
            **config.loading(),
        )
        scored.append(scores)
        return scores

    return score
