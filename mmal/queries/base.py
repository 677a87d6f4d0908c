"""What every query has in common."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from mmal.registry import QUERIES
from mmal.structures import PoolScores

#: Samples whose scores are looked at at a time.
_ROWS = 65_536


class Query(ABC):
    """The rule that picks samples of the unlabelled pool (acquisition function).

    A subclass says in :attr:`requires` which score columns it reads, so that scoring computes
    nothing else, and implements :meth:`_pick`.

    Attributes:
        requires: Names of the columns of :class:`PoolScores` that the query reads, of those in
            :data:`mmal.models.scores.SCORES`.
        reads_labeled: Whether the query reads them of the labelled samples, too.
        description: Its name with the parameters that it was built with, as in ``pool.json``.
    """

    requires: tuple[str, ...] = ()
    reads_labeled: bool = False
    description: str

    @property
    def decisive(self) -> tuple[str, ...]:
        """Those of :attr:`requires` without which picks mean nothing: where all are equal, say."""
        return self.requires

    def __init_subclass__(cls, **kwargs) -> None:
        super().__init_subclass__(**kwargs)
        cls.description = cls.__name__  # unless built from a config
        if isinstance(cls.requires, str):
            raise TypeError(
                f"The 'requires' attribute of {cls.__name__} must be a tuple of names, as in "
                f"({cls.requires!r},). Got {cls.requires!r} instead."
            )

    def select(
        self,
        scores: PoolScores,
        budget: int,
        rng: np.random.Generator,
        labeled: PoolScores | None = None,
    ) -> list[str]:
        """Pick ``budget`` samples.

        Args:
            scores: Scores of the N candidates.
            budget: How many to pick, in 1..N.
            rng: Source of all chance in the query: random picks, ties.
            labeled: Scores of the labelled samples, for a query with ``reads_labeled``; None if
                no sample is known to be labelled.

        Returns:
            Ids of the picks, best first.

        Raises:
            ValueError: If the budget is not in 1..N, a score is missing or not finite, or the
                subclass picks anything but ``budget`` different candidates.
        """
        if not 1 <= budget <= len(scores):
            raise ValueError(
                f"The budget of {type(self).__name__} must be between 1 and the number of "
                f"unlabelled samples, {len(scores)}. Got {budget} instead."
            )
        for name in self.requires:
            self._check_column(scores, name)
            if self.reads_labeled and labeled is not None:
                self._check_column(labeled, name)
        picks = np.asarray(self._pick(scores, labeled, budget, rng))
        self._check_picks(picks, budget, len(scores))
        return [scores.ids[i] for i in picks]

    @abstractmethod
    def _pick(
        self,
        scores: PoolScores,
        labeled: PoolScores | None,
        budget: int,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Return the positions of the picks among the candidates, shape (budget,)."""

    def _check_picks(self, picks: np.ndarray, budget: int, size: int) -> None:
        integers = picks.ndim == 1 and np.issubdtype(picks.dtype, np.integer)
        inside = integers and len(picks) and picks.min() >= 0 and picks.max() < size
        if not inside or len(picks) != budget or len(np.unique(picks)) != budget:
            raise ValueError(
                f"{type(self).__name__}._pick must return the places of {budget} different "
                f"candidates, integers in 0..{size - 1}. Got {picks.tolist()[:10]} of shape "
                f"{picks.shape} instead."
            )

    def _check_column(self, scores: PoolScores, name: str) -> None:
        if name not in scores.fields:
            raise ValueError(
                f"{type(self).__name__} needs the score {name!r}, but the pool was scored with "
                f"{sorted(scores.fields) or 'none'} only."
            )
        values = scores.fields[name].reshape(len(scores), -1)
        finite = np.empty(len(values), bool)
        for begin in range(0, len(values), _ROWS):  # vectors may be larger than the memory
            rows = slice(begin, begin + _ROWS)
            finite[rows] = np.isfinite(values[rows]).all(axis=1)
        bad = np.flatnonzero(~finite)
        if len(bad):
            raise ValueError(
                f"{type(self).__name__} cannot rank: {len(bad)} of {len(scores)} values of "
                f"{name!r} are not finite, the first that of {scores.ids[bad[0]]!r}. The model has "
                "probably diverged; look at its training log."
            )


def build_query(cfg: dict) -> Query:
    """Build a query from its config, whatever the default scope of the training.

    Raises:
        ValueError: If it is no config, no query of that type is registered, or it does not take a
            parameter.
    """
    if not isinstance(cfg, Mapping) or "type" not in cfg:
        raise ValueError(
            f"A query must be the config of one, as in dict(type='mmal.CoreSet'). Got {cfg!r} "
            "instead."
        )
    if isinstance(cfg["type"], str) and QUERIES.get(cfg["type"]) is None:
        known = sorted(QUERIES.module_dict)
        raise ValueError(
            f"There is no query {cfg['type']!r}. Registered in mmal are {known}; one of your own "
            "needs its file in custom_imports."
        )
    try:
        query = QUERIES.build({"_scope_": "mmal", **cfg})
    except TypeError as error:
        kind = cfg["type"] if isinstance(cfg["type"], type) else QUERIES.get(cfg["type"])
        known = list(inspect.signature(kind).parameters)
        given = [key for key in cfg if key not in ("type", "_scope_")]
        raise ValueError(
            f"{kind.__name__} cannot be built with {given}: {error}. Its parameters are "
            f"{known or 'none'}."
        ) from error
    joined = _spelled({k: v for k, v in cfg.items() if k not in ("type", "_scope_")})
    query.description = type(query).__name__ + (f"({joined})" if joined else "")
    return query


def _spelled(parameters: Mapping) -> str:
    """Write parameters as in a call, in alphabetical order."""
    pairs = (
        f"{key}=dict({_spelled(value)})" if isinstance(value, Mapping) else f"{key}={value!r}"
        for key, value in parameters.items()
    )
    return ", ".join(sorted(pairs))
