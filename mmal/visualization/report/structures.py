"""What a report shows, as plain data: whoever has it can have a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mmal.structures import ImageLabels

#: Pictures that a gallery has at the most: of the picks of a round, and of others.
MOST_PICKS, MOST_OTHERS = 48, 24


@dataclass(frozen=True)
class ReportImage:
    """A picture in a gallery.

    Attributes:
        id: Of the sample.
        path: Its image file; what is no file has no picture.
        labels: What the model predicts in it; of people an entry each.
        skeleton: Pairs of joints that a line is drawn between.
        zoom: Whether to show no more than what is predicted and its surroundings.
        facts: Names and values, such as that of the predicted loss.
    """

    id: str
    path: str | None = None
    labels: tuple[ImageLabels, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    zoom: bool = False
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class PickedImage(ReportImage):
    """A picture that a query picked, with why; what is not known is left out.

    Attributes:
        rank: Its place in the query's preference, from 1.
        ranks: Its rank among the candidates by each score, from 1 for the largest.
        candidates: How many candidates there were.
        nearest: The labelled sample that is most like it.
        distance: How far that is; 1 for the median of the round's picks.
        stands_for: Candidates that are nearer to it than to any other pick or labelled sample.
    """

    rank: int = 0
    ranks: Mapping[str, int] = field(default_factory=dict)
    candidates: int = 0
    nearest: ReportImage | None = None
    distance: float | None = None
    stands_for: int | None = None


@dataclass(frozen=True)
class VectorMap:
    """Two principal components of what a query read.

    Attributes:
        column: Its name.
        candidates: Shape (N, 2).
        labeled: Shape (M, 2).
        picks: Shape (K, 2).
        explained: The components' shares of the variance.
    """

    column: str
    candidates: np.ndarray
    labeled: np.ndarray
    picks: np.ndarray
    explained: tuple[float, float]


@dataclass(frozen=True)
class RoundReport:
    """A round: what its model was worth, and what it picked.

    Attributes:
        index: Its number, from 0.
        labeled: Samples that its model was trained on.
        annotations: What annotators made of them: ``boxes``, ``joints`` or ``labels``.
        metrics: On the test data set.
        ranking: Of predicted losses: ``ranking_accuracy``, ``spearman``, ``kendall``.
        yardsticks: Ranking accuracies of what took no learning.
        seconds: By step.
        query: What picked; None if nothing was picked.
        budget: How many were picked.
        doubts: Why numbers or picks may mean nothing.
        picks: The first of them, best first.
        easiest: Candidates of least predicted loss.
        wrong: Test images whose loss was predicted worst.
        losses: Predicted and true losses of test images, each of shape (T,).
        histograms: Annotations of ``picks`` and of the whole ``pool`` by label.
        scores: Scores of the candidates, each of shape (N,).
        picked: Which of these were picked, shape (N,).
        map: Where the picks lie.
        title: What it is called; by default by its number.
    """

    index: int
    labeled: int
    annotations: Mapping[str, int] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    ranking: Mapping[str, float] = field(default_factory=dict)
    yardsticks: Mapping[str, float] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    query: str | None = None
    budget: int = 0
    doubts: tuple[str, ...] = ()
    picks: Sequence[PickedImage] = ()
    easiest: Sequence[ReportImage] = ()
    wrong: Sequence[ReportImage] = ()
    losses: tuple[np.ndarray, np.ndarray] | None = None
    histograms: Mapping[str, Mapping[str, int]] | None = None
    scores: Mapping[str, np.ndarray] = field(default_factory=dict)
    picked: np.ndarray | None = None
    map: VectorMap | None = None
    title: str | None = None


@dataclass(frozen=True)
class RunReport:
    """Rounds of one run or one loop.

    Attributes:
        title: Of the page.
        facts: Names and values: the pool, the query, ….
        curve: A row a round, as in ``curve.csv``.
        rounds: Those that there are.
        notes: What a reader should know, such as files that are missing.
    """

    title: str
    facts: tuple[tuple[str, str], ...] = ()
    curve: Sequence[Mapping[str, float]] = ()
    rounds: Sequence[RoundReport] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReportTable:
    """A table.

    Attributes:
        title: What it shows.
        rows: The header, then the rows.
        lines: What it amounts to.
    """

    title: str
    rows: Sequence[Sequence[str]]
    lines: Sequence[str] = ()


@dataclass(frozen=True)
class ComparisonReport:
    """Queries by trials.

    Attributes:
        title: Of the page.
        verdicts: What it all amounts to.
        facts: Names and values: the config, the seeds, ….
        runs: Curves of the trials by query.
        metric: What is compared, a column of the curves.
        costs: What it is plotted over, of :data:`mmal.visualization.COSTS`.
        tables: Areas and gains.
        overlaps: Picks that queries have in common.
        settings: Names and texts: configs, commands.
        notes: What a reader should know, such as trials that are not finished.
    """

    title: str
    verdicts: Sequence[str] = ()
    facts: tuple[tuple[str, str], ...] = ()
    runs: Mapping[str, Sequence[Sequence[Mapping[str, float]]]] = field(default_factory=dict)
    metric: str | None = None
    costs: Sequence[str] = ("labeled",)
    tables: Sequence[ReportTable] = ()
    overlaps: Sequence[ReportTable] = ()
    settings: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
