"""Who is labelled: the one truth of an active-learning run."""

import functools
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mmal.utils import JsonError, atomic_path, checked, few, member, read_json

SCHEMA_VERSION = 1
#: Ids that are hashed at a time.
_PART = 100_000


class PoolError(ValueError):
    """A pool, or a change to one, that does not make sense."""


@dataclass(frozen=True)
class PoolRound:
    """One acquisition.

    Attributes:
        query: What picked: the query's registered name, or ``initial``.
        picks: Sample ids in the order of the query's preference.
    """

    query: str
    picks: list[str]


@dataclass
class Pool:
    """All samples of a data set, each labelled or unlabelled.

    A sample's id is a string that does not depend on the order of the data set, such as
    ``VOC2007/000005``. Round 0 holds the initial labelled set; round r > 0 what was acquired with
    the model of round r - 1. On disk only the picks are kept, beside a fingerprint of all ids.

    Args:
        ids: The ids of all samples, in the order of the data set.
        seed: Seed of the draws that belong to the pool: initial set, subsets, ties.
        rounds: The acquisitions so far.

    Raises:
        PoolError: If an id occurs twice, or a pick is unknown or picked twice.
    """

    ids: Sequence[str]
    seed: int = 0
    rounds: list[PoolRound] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ids = list(self.ids)
        self._known = set(self.ids)
        if len(self._known) != len(self.ids):
            raise PoolError(
                f"Sample ids must be unique, but {_duplicates(self.ids)} occur more than once in "
                "the data set: an image is listed twice, or two of its folders have a file of that "
                "name. Give such folders one common data_root."
            )
        rounds, self.rounds = self.rounds, []
        self._labeled: set[str] = set()
        for acquired in rounds:
            self._append(acquired)

    @property
    def labeled_ids(self) -> list[str]:
        """Ids of the labelled samples, in the order in which they were picked."""
        return [sample_id for acquired in self.rounds for sample_id in acquired.picks]

    @property
    def unlabeled_ids(self) -> list[str]:
        """Ids of the unlabelled samples, in the order of the data set."""
        return [sample_id for sample_id in self.ids if sample_id not in self._labeled]

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all ids, a line each in alphabetical order, whatever their own is."""
        ordered = sorted(self.ids)
        digest = hashlib.sha256()
        for begin in range(0, len(ordered), _PART):  # one text of all would be as large as the ids
            part = "\n".join(ordered[begin : begin + _PART])
            digest.update(f"\n{part}".encode() if begin else part.encode())
        return f"sha256:{digest.hexdigest()}"

    def commit(self, picks: Sequence[str], query: str, path: str | os.PathLike | None) -> None:
        """Append a round of picks and write the pool to ``path``, both or neither.

        Args:
            picks: Ids, best first.
            query: What picked them.
            path: The pool file; None in a process that leaves the writing to another.

        Raises:
            PoolError: If ``picks`` is empty, or an id in it is unknown, already labelled or there
                twice.
        """
        self._append(PoolRound(query=query, picks=list(picks)))
        try:
            if path is not None:
                self.save(path)
        except BaseException:
            self._labeled -= set(self.rounds.pop().picks)
            raise

    def save(self, path: str | os.PathLike) -> None:
        """Write the pool as JSON, atomically."""
        content = {
            "schema_version": SCHEMA_VERSION,
            "dataset": {"size": len(self.ids), "fingerprint": self.fingerprint},
            "seed": self.seed,
            "rounds": [asdict(acquired) for acquired in self.rounds],
        }
        with atomic_path(path) as tmp:
            tmp.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike, ids: Sequence[str]) -> "Pool":
        """Read a pool of the data set that has the samples ``ids``.

        Raises:
            FileNotFoundError: If there is no such file.
            PoolError: If the file is no pool (the message names the place in it), has another
                schema version, or belongs to a data set with other samples.
        """
        path = Path(path)
        try:
            size, fingerprint, seed, rounds = _read(path)
        except JsonError as error:
            raise PoolError(
                f"{path} is not a pool file: {error}. A pool file is written by mmal's tools "
                "and is not meant to be edited; restore it or start over in another --work-dir."
            ) from error
        pool = cls(ids=ids, seed=seed)
        if fingerprint != pool.fingerprint:
            raise PoolError(
                f"{path} belongs to another data set: it was written for "
                f"{size} samples with the fingerprint {fingerprint[:19]}…, but the config's data "
                "set has "
                f"{len(pool.ids)} with {pool.fingerprint[:19]}…. Use the config and the data "
                "that the pool was made with, or another --work-dir."
            )
        try:
            for acquired in rounds:
                pool._append(acquired)
        except PoolError as error:
            raise PoolError(f"{path}: {error}") from error
        return pool

    def _append(self, acquired: PoolRound) -> None:
        picks = acquired.picks
        if not picks:
            raise PoolError("A round must pick at least one sample.")
        if unknown := [i for i in picks if i not in self._known]:
            raise PoolError(f"{few(unknown)} are not samples of the pool.")
        if twice := _duplicates(picks):
            raise PoolError(f"{twice} are picked twice in one round.")
        if labeled := [i for i in picks if i in self._labeled]:
            raise PoolError(f"{few(labeled)} are already labelled.")
        self.rounds.append(acquired)
        self._labeled |= set(picks)


def _read(path: Path) -> tuple[int, str, int, list[PoolRound]]:
    """Read size and fingerprint of the data set, the seed and the rounds of a pool file."""
    content = checked(read_json(path), dict, "the top level")
    version = member(content, "schema_version", int)
    if version != SCHEMA_VERSION:
        raise PoolError(
            f"{path} has schema version {version}, but this mmal reads {SCHEMA_VERSION}. Use "
            "the mmal that wrote it, or start over in another --work-dir."
        )
    dataset = member(content, "dataset", dict)
    size = member(dataset, "size", int, "dataset", least=0)
    fingerprint = member(dataset, "fingerprint", str, "dataset")
    seed = member(content, "seed", int, least=0)
    rounds = []
    for index, entry in enumerate(member(content, "rounds", list)):
        place = f"rounds[{index}]"
        checked(entry, dict, place)
        query = member(entry, "query", str, place)
        picks = member(entry, "picks", list, place)
        for i, pick in enumerate(picks):
            checked(pick, str, f"{place}.picks[{i}]")
        if other := sorted(entry.keys() - {"query", "picks"}):
            raise JsonError(f"{place} has the unknown members {few(other)}")
        rounds.append(PoolRound(query, picks))
    return size, fingerprint, seed, rounds


def _duplicates(ids: Sequence[str]) -> str:
    seen: set[str] = set()
    return few([i for i in ids if i in seen or seen.add(i)])
