"""Scores in parts: in memory, or on the disk, where an interrupted scoring finds them again."""

import hashlib
import itertools
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pa_parquet
import torch
from mmengine.dist import all_gather_object, broadcast_object_list, is_main_process
from torch import nn

from mmal.structures import UnreadableImage
from mmal.utils import atomic_path, gather_on_main, main_works_alone, named_errors
from mmal.version import __version__

#: Samples of a shard at the most, and shards of a small pool, so that all processes get some.
_LARGEST, _SHARDS = 1024, 64
#: Shards of a large pool, for each of which the main process may have files open.
_MOST_SHARDS = 200
#: Of the schema of a shard: what is in it beside numbers.
_SKIPPED, _VECTORS = b"mmal.skipped", b"mmal.vectors"


@dataclass
class Shard:
    """Scores of some samples that follow each other.

    Attributes:
        ids: Of the N samples that were scored, in order; people of one image share one.
        columns: Scores by name, of shape (N,) or (N, D); none if N is 0.
        skipped: Samples without scores, since their images cannot be read.
    """

    ids: list[str] = field(default_factory=list)
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    skipped: list[UnreadableImage] = field(default_factory=list)


def shard_size(samples: int, batch_size: int) -> int:
    """How many samples a shard has: whole batches, whatever the number of processes is."""
    wanted = max(min(-(-samples // _SHARDS), _LARGEST), -(-samples // _MOST_SHARDS))
    return batch_size * max(wanted // batch_size, 1)


class MemoryShards:
    """Keeps the shards of this process; see :class:`ShardFolder`."""

    def __init__(self) -> None:
        self._shards: dict[int, Shard] = {}

    def missing(self, count: int) -> list[int]:
        """Return the numbers of the shards that have to be scored: all."""
        return list(range(count))

    def write(self, number: int, shard: Shard) -> None:
        """Keep a shard."""
        self._shards[number] = shard

    def collect(self, count: int) -> list[Shard]:
        """Return all ``count`` shards, in order; vectors in the main process only."""
        vectors = {
            number: {name: v for name, v in shard.columns.items() if v.ndim > 1}
            for number, shard in self._shards.items()
        }
        for number, found in vectors.items():
            for name in found:
                del self._shards[number].columns[name]
        shards = {n: s for part in all_gather_object(self._shards) for n, s in part.items()}
        large = gather_on_main(vectors)
        if is_main_process():
            for part in large:
                for number, found in part.items():
                    shards[number].columns.update(found)
        return [shards[number] for number in range(count)]

    def join(self, name: str, blocks: Iterable[np.ndarray], rows: int) -> np.ndarray:
        """Make one array of a column's parts, which have so many rows together."""
        return np.concatenate(list(blocks))


class ShardFolder:
    """Shards as files, of which none is scored twice.

    ``key.json`` says what the shards were computed from; those of anything else are removed. A
    shard is ``000012.parquet`` (ids and numbers), and a file ``000012.<name>.npy`` for each column
    of vectors, which is written before. All processes see the same folder.

    Args:
        root: The folder.
        key: What the scores depend on; values that JSON has.
        unreadable: Opens the images of the samples with some ids and returns those that cannot be
            read: what was skipped is looked at again.
    """

    def __init__(
        self,
        root: str | os.PathLike,
        key: Mapping[str, object],
        unreadable: Callable[[Iterable[str]], list[UnreadableImage]],
    ) -> None:
        self._root = Path(root)
        self._key = json.loads(json.dumps(key))
        self._unreadable = unreadable

    def missing(self, count: int) -> list[int]:
        """Return the numbers of the shards that have to be scored, the same in all processes."""
        answer: list = [None]
        with main_works_alone():
            if is_main_process():
                try:
                    self._remove_stale()
                    answer = [[n for n in range(count) if not self._is_done(n)]]
                except Exception as error:  # the others must not wait for an answer
                    answer = [error]
        broadcast_object_list(answer)
        if isinstance(answer[0], Exception):
            raise answer[0]
        return answer[0]

    def write(self, number: int, shard: Shard) -> None:
        """Write a shard; it is there once all of it is."""
        numbers = {name: values for name, values in shard.columns.items() if values.ndim == 1}
        vectors = [name for name in shard.columns if name not in numbers]
        for name in vectors:
            with atomic_path(self._vectors(number, name)) as tmp:
                _write_vectors(tmp, [shard.columns[name]], len(shard.columns[name]))
        told = {
            _SKIPPED: json.dumps([asdict(image) for image in shard.skipped]),
            _VECTORS: json.dumps(vectors),
        }
        table = pa.table({"id": pa.array(shard.ids, pa.string()), **numbers})
        with atomic_path(self._numbers(number)) as tmp:
            pa_parquet.write_table(table.replace_schema_metadata(told), tmp)

    def collect(self, count: int) -> list[Shard]:
        """Read all ``count`` shards, in order; in the main process with vectors, memory-mapped.

        Raises:
            FileNotFoundError: If one is not there.
        """
        try:
            return [self._read(number) for number in range(count)]
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{error.filename or error} is missing, though every process has scored its "
                "share. All processes must see the same work directory: put it on a shared disk."
            ) from error

    def join(self, name: str, blocks: Iterable[np.ndarray], rows: int) -> np.ndarray:
        """Make one array of a column's parts: of vectors a memory-mapped file.

        Args:
            name: The column.
            blocks: Its parts, in order.
            rows: How many rows they have together.
        """
        blocks = iter(blocks)
        first = next(blocks)
        if first.ndim == 1:
            return np.concatenate([first, *blocks])
        path = self._root / f"{name}.npy"
        with named_errors(path):
            _write_vectors(path, itertools.chain([first], blocks), rows)
        # Copy on write: some readers want an array that could be changed.
        return np.asarray(np.load(path, mmap_mode="c"))

    def _remove_stale(self) -> None:
        path = self._root / "key.json"
        with suppress(OSError, ValueError):
            if json.loads(path.read_text(encoding="utf-8")) == self._key:
                return
        remove_shards(self._root)
        with atomic_path(path) as tmp:
            tmp.write_text(json.dumps(self._key, indent=1) + "\n", encoding="utf-8")

    def _is_done(self, number: int) -> bool:
        """Whether a shard is there; one with images that were mended by now is not."""
        if not self._numbers(number).exists():
            return False
        try:
            shard = self._read(number)
        except (
            OSError,
            EOFError,
            ValueError,
            KeyError,
            TypeError,
            pa.ArrowException,
        ):  # a damaged file
            return False
        skipped = {image.id for image in shard.skipped}
        return not skipped or len(self._unreadable(skipped)) == len(skipped)

    def _read(self, number: int) -> Shard:
        table = pa_parquet.read_table(self._numbers(number))
        told = {key: json.loads(table.schema.metadata[key]) for key in (_SKIPPED, _VECTORS)}
        columns = {name: table[name].to_numpy() for name in table.column_names}
        ids = columns.pop("id").tolist()
        if not ids:
            columns = {}
        elif is_main_process():
            for name in told[_VECTORS]:
                columns[name] = np.load(self._vectors(number, name), mmap_mode="r")
        return Shard(ids, columns, [UnreadableImage(**image) for image in told[_SKIPPED]])

    def _numbers(self, number: int) -> Path:
        return self._root / f"{number:06d}.parquet"

    def _vectors(self, number: int, name: str) -> Path:
        return self._root / f"{number:06d}.{name}.npy"


def _write_vectors(path: Path, blocks: Iterable[np.ndarray], rows: int) -> None:
    """Write vectors in NumPy's format; unlike ``np.save`` it says so if the disk is full."""
    blocks = iter(blocks)
    first = next(blocks)
    with open(path, "wb") as file:
        kind = dict(descr=first.dtype.str, fortran_order=False, shape=(rows, *first.shape[1:]))
        np.lib.format.write_array_header_1_0(file, kind)
        for block in itertools.chain([first], blocks):
            file.write(np.ascontiguousarray(block).tobytes())


def remove_shards(root: Path) -> None:
    """Remove a folder of shards, if it is there; its key first, so that no half of it counts."""
    with named_errors(root):
        (root / "key.json").unlink(missing_ok=True)
        # Network disks keep files that somebody still reads.
        shutil.rmtree(root, ignore_errors=True)


def scoring_key(
    models: Sequence[nn.Module | None],
    ids: Sequence[str],
    names: Sequence[str],
    batch_size: int,
    settings: Mapping[str, object],
) -> dict[str, object]:
    """What scores depend on: equal keys, equal scores.

    Args:
        models: What computes them, with the weights that it has now.
        ids: The samples in order, an id a row.
        names: Which scores.
        batch_size: Images a forward pass.
        settings: What the config says of models and pipelines.
    """
    first = next(model for model in models if model is not None)
    device = next(first.parameters()).device
    digest = hashlib.blake2b(digest_size=16)
    for sample_id in ids:
        digest.update(f"{sample_id}\n".encode("utf-8", "surrogateescape"))
    told = json.dumps(settings, sort_keys=True, default=repr)
    return dict(
        weights=[None if model is None else _weights_digest(model) for model in models],
        samples=len(ids),
        ids=digest.hexdigest(),
        names=list(names),
        batch_size=batch_size,
        settings=hashlib.blake2b(told.encode(), digest_size=16).hexdigest(),
        computed_by=[__version__, torch.__version__, device.type, platform.machine()],
    )


def _weights_digest(model: nn.Module) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, value in model.state_dict().items():
        if isinstance(value, torch.Tensor):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            flat = value.detach().cpu().contiguous().flatten()
            digest.update(flat.view(torch.uint8).numpy())
    return digest.hexdigest()
