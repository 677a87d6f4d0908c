"""What scoring a pool returns."""

import os
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from mmal.utils import atomic_path


@dataclass
class PoolScores:
    """Scores of N samples.

    Attributes:
        ids: The N sample ids.
        img_paths: The N image files, as the data set names them.
        fields: Named score columns, each an array of shape (N,), such as ``pred_loss``.

    Raises:
        ValueError: If a column does not have N entries.
    """

    ids: list[str]
    img_paths: list[str]
    fields: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, column in {"img_paths": self.img_paths, **self.fields}.items():
            if len(column) != len(self.ids):
                raise ValueError(
                    f"Column {name!r} has {len(column)} entries for {len(self.ids)} samples."
                )

    def __len__(self) -> int:
        return len(self.ids)

    def save(self, path: str | os.PathLike) -> None:
        """Write a table, atomically: CSV if the name ends in ``.csv``, else Parquet."""
        table = pa.table({"id": self.ids, "img_path": self.img_paths, **self.fields})
        with atomic_path(path) as tmp:
            if str(path).endswith(".csv"):
                pa_csv.write_csv(table, tmp)
            else:
                pa_parquet.write_table(table, tmp)

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
