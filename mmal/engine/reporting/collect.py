"""What a report shows, read from what rounds leave on disk."""

import csv
import datetime
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from scipy.stats import rankdata

from mmal.structures import PoolScores
from mmal.visualization.learning_curve import read_curve
from mmal.visualization.report import (
    MOST_PICKS,
    PickedImage,
    ReportImage,
    RoundReport,
    RunReport,
    VectorMap,
)

from .explanation import EXPLANATION_FILE
from .predictions import POOL_FILE, TEST_FILE, easiest, most_wrong, read_predictions

_RANKING = ("ranking_accuracy", "spearman", "kendall")
_NO_PREDICTIONS: tuple = ({}, (), False)
T = TypeVar("T")


def read_run(root: str | os.PathLike) -> RunReport:
    """Read the rounds of a work directory, as far as their files are there.

    Args:
        root: A work directory of ``tools/run_rounds.py``, of whatever version.

    Raises:
        FileNotFoundError: If there is no ``pool.json``, or no round is evaluated.
    """
    root = Path(root)
    pool_file = root / "pool.json"
    if not pool_file.exists():
        raise FileNotFoundError(
            f"{pool_file} does not exist: {root} is no work directory of tools/run_rounds.py."
        )
    pool = json.loads(pool_file.read_text(encoding="utf-8"))
    curve = read_curve(root)
    notes: list[str] = []
    rounds = []
    for index in range(len(curve)):
        acquired = pool["rounds"][index + 1] if index + 1 < len(pool["rounds"]) else {}
        found = read_round(
            root / f"round_{index:02d}",
            index,
            acquired.get("picks", ()),
            acquired.get("query"),
            notes,
            curve[index],
        )
        rounds.append(found)
    initial = pool["rounds"][0]["picks"] if pool["rounds"] else []
    queries = list(dict.fromkeys(r.query for r in rounds if r.query))
    facts = [
        ("pool", f"{pool['dataset']['size']:,} samples"),
        ("initial labelled set", f"{len(initial):,}"),
        ("labelled now", f"{sum(len(r['picks']) for r in pool['rounds']):,}"),
        ("rounds", str(len(rounds))),
        ("picked by", ", ".join(queries) or "nothing yet"),
        ("seed", str(pool["seed"])),
        ("as of", changed_at(pool_file)),
    ]
    return RunReport(root.resolve().name, tuple(facts), curve, rounds, tuple(notes))


def changed_at(path: str | os.PathLike) -> str:
    """When a file was last changed, as a page says it."""
    when = datetime.datetime.fromtimestamp(os.path.getmtime(path)).astimezone()
    return when.strftime("%Y-%m-%d %H:%M %Z").strip()


def read_round(
    round_dir: str | os.PathLike,
    index: int,
    picks: Sequence[str] = (),
    query: str | None = None,
    notes: list[str] | None = None,
    row: Mapping[str, float] | None = None,
) -> RoundReport:
    """Read what a round left in its folder, as far as it is there.

    Args:
        round_dir: The folder.
        index: The round's number.
        picks: Ids of what it picked, best first.
        query: What picked.
        notes: Gets a line for each file that cannot be read.
        row: Its row in ``curve.csv``, from which it is known how many samples were labelled where
            ``metrics.json`` is missing.
    """
    reader = _Reader(Path(round_dir), [] if notes is None else notes)
    record = reader.read("metrics.json", _read_json, {})
    scores = reader.read("scores.parquet", PoolScores.load, None)
    explanation = reader.read(EXPLANATION_FILE, _read_json, {})
    predicted = reader.read(POOL_FILE, read_predictions, _NO_PREDICTIONS)
    paths = dict(zip(scores.ids, scores.img_paths, strict=True)) if scores else {}
    lines = reader.read("picks.txt", _read_lines, [])
    if len(lines) == len(picks):  # a name may hold a line break
        paths |= dict(zip(picks, lines, strict=True))
    losses = reader.read("losses.csv", _read_losses, None)
    histograms = reader.read("histogram.csv", _read_histograms, None)
    if histograms is not None and not {"picks", "pool"} <= histograms.keys():
        histograms = None
    scalars = {k: np.asarray(v, float) for k, v in scores.fields.items()} if scores else {}
    wrong = reader.read(TEST_FILE, read_predictions, _NO_PREDICTIONS)
    return RoundReport(
        index=index,
        labeled=int(record.get("labeled", (row or {}).get("labeled", 0))),
        annotations=record.get("annotations", {}),
        metrics=record.get("metrics", {}),
        ranking={name: record[name] for name in _RANKING if record.get(name) is not None},
        yardsticks=record.get("yardsticks") or {},
        seconds=record.get("seconds", {}),
        query=query,
        budget=len(picks),
        doubts=_doubts(record),
        picks=picked_images(picks, paths, scores, explanation, predicted),
        easiest=_easiest(scores, predicted),
        wrong=_wrong(losses, wrong),
        losses=None if losses is None else (losses["pred_loss"], losses["target_loss"]),
        histograms=histograms,
        scores=scalars,
        picked=np.isin(scores.ids, list(picks)) if scores and picks else None,
        map=_map(explanation),
    )


def picked_images(
    picks: Sequence[str],
    paths: Mapping[str, str],
    scores: PoolScores | None = None,
    explanation: Mapping[str, Any] | None = None,
    predicted: tuple = _NO_PREDICTIONS,
) -> list[PickedImage]:
    """Return the first picks as pictures, with why they were picked.

    Args:
        picks: Ids, best first.
        paths: Their image files by id.
        scores: Scores of the candidates; None if nothing was scored.
        explanation: What :func:`~mmal.engine.reporting.explain_picks` returned.
        predicted: What :func:`~mmal.engine.reporting.read_predictions` returned.
    """
    labels, skeleton, zoom = predicted
    reasons = {entry["id"]: entry for entry in (explanation or {}).get("picks", ())}
    columns = _columns(scores)
    ranks = {name: rankdata(-values, "min").astype(int) for name, values in columns.items()}
    rows = {sample_id: i for i, sample_id in enumerate(scores.ids)} if scores else {}
    images = []
    for place, sample_id in enumerate(picks[:MOST_PICKS], 1):
        reason = reasons.get(sample_id, {})
        near = reason.get("nearest")
        row = rows.get(sample_id)
        images.append(
            PickedImage(
                sample_id,
                paths.get(sample_id),
                labels.get(sample_id, ()),
                skeleton,
                zoom,
                () if row is None else _facts(columns, row),
                rank=place,
                ranks={} if row is None else {k: int(v[row]) for k, v in ranks.items()},
                candidates=len(rows),
                nearest=None if near is None else ReportImage(near["id"], near["img_path"]),
                distance=None if near is None else near["distance"],
                stands_for=reason.get("stands_for"),
            )
        )
    return images


class _Reader:
    """Reads files of a folder; what is missing or damaged is left out."""

    def __init__(self, folder: Path, notes: list[str]) -> None:
        self._folder = folder
        self._notes = notes

    def read(self, name: str, read: Callable[[Path], T], default: T) -> T:
        path = self._folder / name
        if not path.exists():
            return default
        try:
            return read(path)
        except Exception as error:  # a damaged file takes nothing else from the report
            reason = f"{type(error).__name__}: {error}"
            self._notes.append(f"{self._folder.name}/{name} cannot be read ({reason})")
            return default


def _read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def _read_lines(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    return text.split("\n")[:-1]


def _read_table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def _read_losses(path: Path) -> dict:
    rows = _read_table(path)
    names = ("pred_loss", "target_loss")
    columns = {name: np.array([float(row[name]) for row in rows]) for name in names}
    return {"img_path": [row["img_path"] for row in rows], **columns}


def _read_histograms(path: Path) -> dict[str, dict[str, int]]:
    rows = _read_table(path)
    kinds = [name for name in rows[0] if name != "label"] if rows else []
    return {kind: {row["label"]: int(row[kind]) for row in rows} for kind in kinds}


def _doubts(record: Mapping) -> tuple[str, ...]:
    found = dict.fromkeys(record.get(name) for name in ("ranking_doubt", "picks_doubt"))
    return tuple(f"Doubtful: {doubt}" for doubt in found if doubt)


def _columns(scores: PoolScores | None) -> dict[str, np.ndarray]:
    fields = scores.fields.items() if scores else ()
    return {k: np.asarray(v, float) for k, v in fields if v.ndim == 1}


def _facts(columns: Mapping[str, np.ndarray], row: int) -> tuple[tuple[str, str], ...]:
    words = dict(pred_loss="predicted loss")
    return tuple((words.get(k, k.replace("_", " ")), f"{v[row]:.4g}") for k, v in columns.items())


def _easiest(scores: PoolScores | None, predicted: tuple) -> list[ReportImage]:
    labels, skeleton, zoom = predicted
    columns = _columns(scores)
    return [
        ReportImage(
            scores.ids[i],
            scores.img_paths[i],
            labels.get(scores.ids[i], ()),
            skeleton,
            zoom,
            _facts(columns, i),
        )
        for i in easiest(scores)
    ]


def _wrong(losses: dict | None, predicted: tuple) -> list[ReportImage]:
    if losses is None:
        return []
    labels, skeleton, _ = predicted
    found = []
    for i, rank, true_rank in most_wrong(losses["pred_loss"], losses["target_loss"]):
        path = losses["img_path"][i]
        kind = "taken for easier" if rank > true_rank else "taken for harder"
        facts = (
            (kind, f"rank {rank} of {len(losses['img_path'])} by prediction, {true_rank} in truth"),
            ("true loss", f"{losses['target_loss'][i]:.4g}"),
            ("predicted loss", f"{losses['pred_loss'][i]:.4g}"),
        )
        name = os.path.basename(path) or path
        found.append(ReportImage(name, path, labels.get(path, ()), skeleton, False, facts))
    return found


def _map(explanation: Mapping) -> VectorMap | None:
    found = explanation.get("map")
    if found is None:
        return None
    points = (
        np.array(found[kind], dtype=float).reshape(-1, 2)
        for kind in ("candidates", "labeled", "picks")
    )
    return VectorMap(explanation["column"], *points, tuple(found["explained"]))
