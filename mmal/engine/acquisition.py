"""From a trained model to the next picks."""

import csv
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.dist import barrier, broadcast_object_list, is_main_process

from mmal.datasets import PoolDataset
from mmal.queries import Query, build_query
from mmal.structures import Pool, PoolScores, UnreadableImage
from mmal.utils import atomic_path, few, main_works_alone, spreadsheet_text

from .doubts import doubt_about_scores
from .unreadable import (
    SKIPPED_FILE,
    UNREADABLE_SHARE,
    PoolImages,
    UnreadableImagesError,
    first_readable,
    refuse_labeled,
    write_skipped,
)

# Streams of random numbers that a round draws from. Queries with the same seed see the same
# candidates, however many numbers each draws.
_CANDIDATES, _QUERY = 0, 1
#: Before the name of the query in whose place a round drew at random.
DRAWN = "Random in place of "


def draw_initial(
    pool: Pool,
    size: int,
    images: PoolImages | None = None,
    unreadable: float = UNREADABLE_SHARE,
) -> list[str]:
    """Draw the initial labelled set at random.

    Args:
        pool: A pool without rounds; its seed decides.
        size: How many samples.
        images: Their image files: what cannot be read is replaced by what is drawn next. By
            default no file is opened.
        unreadable: The share of the pool that may be replaced.

    Raises:
        UnreadableImagesError: If more cannot be read.
    """
    order = np.random.default_rng([pool.seed, 0]).permutation(len(pool.ids))

    def first(count: int) -> list[str]:
        return [pool.ids[i] for i in order[:count]]

    if images is None:
        return first(size)
    return first_readable(first, size, len(order), images.unreadable, unreadable)[0]


def draw_candidates(pool: Pool, subset: int | None) -> list[str]:
    """Draw the unlabelled samples that a round looks at, in the order of the data set.

    Args:
        pool: The pool.
        subset: How many (M of the paper); None for the whole unlabelled pool.
    """
    ids = pool.unlabeled_ids
    if subset is None or subset >= len(ids):
        return ids
    drawn = _generator(pool, _CANDIDATES).choice(len(ids), size=subset, replace=False)
    return [ids[i] for i in np.sort(drawn)]


class Acquired(NamedTuple):
    """What a round picked.

    Attributes:
        picks: Ids, best first.
        doubt: Why the picks mean nothing, if they do not.
        skipped: Candidates that were left out, since their images cannot be read.
    """

    picks: list[str]
    doubt: str | None
    skipped: list[UnreadableImage]


def acquire(
    pool: Pool,
    pool_path: str | os.PathLike,
    out_dir: str | os.PathLike,
    dataset: PoolDataset,
    query: Query,
    budget: int,
    subset: int | None,
    score: Callable[[list[str]], PoolScores],
    doubt: str | None = None,
    draw_doubtful: bool = False,
    unreadable: float = UNREADABLE_SHARE,
    note: Callable[[Acquired], None] | None = None,
) -> Acquired:
    """Score the candidates if the query needs it, pick, and commit.

    Writes ``scores.parquet`` (where scored), ``picks.txt``, one image file a line, best first,
    ``picks.csv`` and, if there are any, ``skipped.csv`` into ``out_dir``, then the pool: its commit
    is the last step, so whatever is interrupted can be repeated.

    Images that cannot be read are never picked: scoring leaves them out, and where there is none,
    those that a query picks are opened and replaced by what it picks next.

    Args:
        pool: The pool; gets a round.
        pool_path: Its file.
        out_dir: Where the round's results go.
        dataset: The unlabelled split of the pool; for a query that reads the scores of labelled
            samples, a data set that hands out those, too.
        query: Picks the samples.
        budget: How many to pick.
        subset: See :func:`draw_candidates`.
        score: Scores the samples with the given ids.
        doubt: Why scores mean nothing, where that is known before.
        draw_doubtful: Whether to draw at random then, or if the candidates' scores are all equal.
            The pool names both queries.
        unreadable: The share of the candidates whose images may be unreadable.
        note: Called before the commit, in all processes: to write what else must not be lost.

    Raises:
        UnreadableImagesError: If more cannot be read, or a labelled one that the query reads.
    """
    out_dir = Path(out_dir)
    candidates = draw_candidates(pool, subset)
    labeled = images = None
    if query.requires:
        known = pool.labeled_ids if query.reads_labeled else []
        scores = score([*candidates, *known])
        skipped = scores.skipped
        refuse_labeled(skipped, known)
        bad = {image.id for image in skipped}
        readable = [name for name in candidates if name not in bad] if bad else candidates
        scores, labeled = scores.take(readable), scores.take(known) if known else None
        if is_main_process():
            scores.save(out_dir / "scores.parquet")
    else:
        images, skipped = PoolImages(dataset), []
        scores = PoolScores(candidates, [images.paths[i] for i in candidates])
    doubt = doubt or doubt_about_scores(scores, query.decisive)
    name = query.description
    if doubt and draw_doubtful:
        query = build_query(dict(type="mmal.Random"))
        name = f"{DRAWN}{name}"

    def select(count: int) -> list[str]:
        return query.select(scores, count, _generator(pool, _QUERY), labeled)

    if skipped and budget > len(scores):
        raise UnreadableImagesError(
            f"{budget} samples are to be picked, but of {len(candidates):,} candidates only "
            f"{len(scores):,} have images that can be read. Mend the others: "
            f"{few([image.path for image in skipped])}."
        )

    def choose() -> tuple[list[str], list[UnreadableImage]]:
        if images is None or not 1 <= budget <= len(scores):  # which is the query's to refuse
            return select(budget), skipped
        return first_readable(select, budget, len(scores), images.unreadable, unreadable)

    picks, skipped = by_main(choose)
    if is_main_process():
        paths = dict(zip(scores.ids, scores.img_paths, strict=True))
        write_image_list(out_dir / "picks.txt", [paths[i] for i in picks])
        write_picks(out_dir / "picks.csv", picks, paths, scores)
        write_skipped(out_dir / SKIPPED_FILE, skipped)
    acquired = Acquired(picks, doubt, skipped)
    if note is not None:
        note(acquired)
    pool.commit(picks, name, pool_path if is_main_process() else None)
    barrier()  # nobody reads the pool before it is written
    return acquired


def by_main(choose: Callable[[], Any]) -> Any:
    """Let the main process choose for all: on another device distances round differently."""
    answer: list = [None]
    with main_works_alone():
        if is_main_process():
            try:
                answer = [choose()]
            except Exception as error:  # the others must not wait for picks that never come
                answer = [error]
    broadcast_object_list(answer)
    if isinstance(answer[0], Exception):
        raise answer[0]
    return answer[0]


def write_image_list(path: Path, img_paths: list[str]) -> None:
    """Write one image file a line, atomically."""
    text = "".join(f"{p}\n" for p in img_paths)
    with atomic_path(path) as tmp:
        # Names of files need not be text: they are written as the disk has them.
        tmp.write_text(text, encoding="utf-8", errors="surrogateescape")


def write_picks(
    path: Path, picks: Sequence[str], paths: Mapping[str, str], scores: PoolScores | None = None
) -> None:
    """Write rank, id, path and score of picks as CSV, atomically.

    Ids and paths that a spreadsheet would take for formulas have an apostrophe before them.

    Args:
        path: The file.
        picks: Ids, best first.
        paths: Image files by id.
        scores: Their scores, of which the first is written; without any the column is empty.
    """
    columns = [v for v in scores.fields.values() if v.ndim == 1] if scores else []
    values = dict(zip(scores.ids, columns[0].tolist(), strict=True)) if columns else {}
    with (
        atomic_path(path) as tmp,
        open(tmp, "w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["rank", "id", "path", "score"])
        for rank, name in enumerate(picks, 1):
            writer.writerow(
                [rank, spreadsheet_text(name), spreadsheet_text(paths[name]), values.get(name, "")]
            )


def _generator(pool: Pool, stream: int) -> np.random.Generator:
    return np.random.default_rng([pool.seed, len(pool.rounds), stream])
