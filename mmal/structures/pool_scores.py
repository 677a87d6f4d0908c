"""What scoring a pool returns."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from mmal.utils import atomic_path, spreadsheet_text

from .unreadable_image import UnreadableImage


@dataclass
class PoolScores:
    """Scores of N samples.

    Attributes:
        ids: The N sample ids.
        img_paths: The N image files, as the data set names them; of images in memory their ids.
        fields: Named score columns, each an array of shape (N,), such as ``pred_loss``, or (N, D),
            such as ``features``; large ones may be memory-mapped files.
        skipped: Samples that were to be scored, and are not among these since their images cannot
            be read.

    Raises:
        ValueError: If a column does not have N entries.
    """

    ids: list[str]
    img_paths: list[str]
    fields: dict[str, np.ndarray] = field(default_factory=dict)
    skipped: list[UnreadableImage] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, column in {"img_paths": self.img_paths, **self.fields}.items():
            if len(column) != len(self.ids):
                raise ValueError(
                    f"Column {name!r} has {len(column)} entries for {len(self.ids)} samples."
                )

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, ids: Sequence[str]) -> "PoolScores":
        """Return the rows of some samples, in the order of ``ids``; of all in order, no copy.

        Raises:
            KeyError: If an id is not among the samples.
        """
        if list(ids) == self.ids:
            return self
        places = {sample_id: i for i, sample_id in enumerate(self.ids)}
        rows = np.array([places[sample_id] for sample_id in ids], dtype=np.int64)
        paths = [self.img_paths[i] for i in rows]
        return PoolScores(list(ids), paths, {k: v[rows] for k, v in self.fields.items()})

    def save(self, path: str | os.PathLike) -> None:
        """Write a table, atomically: CSV if the name ends in ``.csv``, else Parquet.

        In CSV, which people open in a spreadsheet, names that look like a formula begin with an
        apostrophe. Columns of vectors are left out: they are large, and the checkpoint gives them
        again.
        """
        scalars = {name: column for name, column in self.fields.items() if column.ndim == 1}
        names = {"id": self.ids, "img_path": self.img_paths}
        with atomic_path(path) as tmp:
            if str(path).endswith(".csv"):
                names = {key: list(map(spreadsheet_text, texts)) for key, texts in names.items()}
                pa_csv.write_csv(pa.table({**names, **scalars}), tmp)
            else:
                pa_parquet.write_table(pa.table({**names, **scalars}), tmp)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "PoolScores":
        """Read what :meth:`save` wrote as Parquet."""
        table = pa_parquet.read_table(path)
        columns = {name: table[name] for name in table.column_names}
        return cls(
            ids=columns.pop("id").to_pylist(),
            img_paths=columns.pop("img_path").to_pylist(),
            fields={name: column.to_numpy() for name, column in columns.items()},
        )
