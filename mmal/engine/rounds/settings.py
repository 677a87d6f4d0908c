"""What a config says about acquisition rounds."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from mmengine.config import Config

from mmal.datasets.audit import AuditSettings
from mmal.queries import Query, build_query

from ..cached_features import CachedFeatures
from ..unreadable import UNREADABLE_SHARE, check_share
from .initial import InitialSet


@dataclass(frozen=True)
class RoundSettings:
    """The ``active_learning`` dict of a config.

    Attributes:
        rounds: How many models are trained; one fewer acquisitions.
        initial: Samples in the initial labelled set, drawn at random; or which, see
            :class:`InitialSet`.
        budget: Samples acquired a round (K of the paper).
        query: Config of the query.
        subset: Size of the random subset of the unlabelled pool that a round scores (M of the
            paper); None for all of it.
        ignore_classes: Classes in annotations that the config leaves out on purpose.
        metric: The metric that is reported, plotted and listed first, as the evaluator names it;
            by default its first.
        group_by: Of what the pool of a top-down pose data set is made: ``sample`` (people, the
            paper's protocol) or ``image``.
        group_score: The score of an image by its people, with ``group_by='image'``: ``mean`` or
            ``max``.
        when_doubtful: What picks where predicted losses rank within chance, or all candidates score
            the same: ``query``, as ever, with a warning, or ``random``.
        audit: Parameters of the audit of the data beside ``ignore_classes``; see
            :class:`mmal.datasets.audit.AuditSettings`.
        cached_features: Parameters of :class:`mmal.engine.cached_features.CachedFeatures`, with
            which the backbone is frozen and its features are computed once; None to train it.
        unreadable: The share of a round's candidates whose images may be unreadable: such are left
            out and listed in ``skipped.csv``; with more the run stops.
        report: Whether ``report.html`` and its pictures are made as rounds are run; else
            ``tools/analysis_tools/report.py`` makes the page, without predictions.

    Raises:
        ValueError: If a number is not positive, or a word not one of those above.
    """

    rounds: int
    initial: int | dict
    budget: int
    query: dict = field(default_factory=lambda: dict(type="mmal.LearnedLoss"))
    subset: int | None = None
    ignore_classes: tuple[str, ...] = ()
    metric: str | None = None
    group_by: str = "sample"
    group_score: str = "mean"
    when_doubtful: str = "query"
    audit: dict = field(default_factory=dict)
    cached_features: dict | None = None
    unreadable: float = UNREADABLE_SHARE
    report: bool = True

    def __post_init__(self) -> None:
        for name in ("rounds", "budget", "subset"):
            value = getattr(self, name)
            if name == "subset" and value is None:
                continue
            if not (isinstance(value, int) and value >= 1):
                raise ValueError(
                    f"active_learning.{name} must be a positive integer. Got {value!r} instead."
                )
        words = dict(
            report=(True, False),
            group_by=("sample", "image"),
            group_score=("mean", "max"),
            when_doubtful=("query", "random"),
        )
        for name, allowed in words.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"active_learning.{name} must be one of {list(allowed)}. "
                    f"Got {getattr(self, name)!r} instead."
                )
        check_share(self.unreadable, "active_learning.unreadable")
        InitialSet.of(self.initial)
        CachedFeatures.of(self.cached_features)
        if self.subset is not None and self.subset < self.budget:
            raise ValueError(
                f"active_learning.subset ({self.subset}) must be at least the budget "
                f"({self.budget}): the picks come from the subset."
            )

        AuditSettings.of(self.audit, "active_learning.audit", ignore_classes=self.ignore_classes)

    @classmethod
    def from_config(cls, cfg: Config) -> "RoundSettings":
        """Read ``cfg.active_learning``.

        Raises:
            ValueError: If it is missing, lacks a key or has one that is not known.
        """
        given = cfg.get("active_learning")
        known = [f.name for f in fields(cls)]
        required = ["rounds", "initial", "budget"]
        if given is None:
            raise ValueError(
                f"The config {cfg.filename or ''} needs active_learning = dict(rounds=…, "
                "initial=…, budget=…) and has none."
            )
        if not isinstance(given, Mapping):
            raise ValueError(
                f"active_learning of the config {cfg.filename or ''} must be a dict with "
                f"{', '.join(required)}. Got {given!r} instead."
            )
        missing = [key for key in required if key not in given]
        unknown = [key for key in given if key not in known]
        if missing or unknown:
            raise ValueError(
                f"active_learning of the config {cfg.filename or ''} lacks {missing} and has the "
                f"unknown keys {unknown}. It needs {required} and may have {known[3:]}."
            )
        return cls(**given)

    @functools.cached_property
    def initial_set(self) -> InitialSet:
        """The initial labelled set."""
        return InitialSet.of(self.initial)

    @functools.cached_property
    def cached(self) -> CachedFeatures | None:
        """How features are cached, if they are."""
        return CachedFeatures.of(self.cached_features)

    def build_query(self) -> Query:
        """Build the query."""
        return build_query(self.query)

    def check_pool_size(self, size: int) -> None:
        """Refuse rounds that need more samples than there are.

        Raises:
            ValueError: If the rounds label more than ``size`` samples.
        """
        initial = self.initial_set.size
        needed = initial + (self.rounds - 1) * self.budget
        if needed > size:
            raise ValueError(
                f"active_learning needs {needed} samples (initial {initial} + "
                f"{self.rounds - 1} acquisitions of {self.budget}), but the pool has {size}. "
                "Lower rounds, initial or budget."
            )
