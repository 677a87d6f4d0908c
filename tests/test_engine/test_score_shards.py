"""Tests of the parts that scores come in."""

import errno
from pathlib import Path

import numpy as np
import pytest

from mmal.engine.score_shards import (
    MemoryShards,
    Shard,
    ShardFolder,
    _write_vectors,
    remove_shards,
    shard_size,
)
from mmal.engine.scoring import _by_sample
from mmal.structures import UnreadableImage

BAD = UnreadableImage("b", "b.jpg", "is empty")


@pytest.mark.parametrize("batch_size", [1, 3, 16, 2000])
@pytest.mark.parametrize("samples", [1, 63, 64, 65, 1000, 100_000])
def test_shards_are_whole_batches_and_neither_few_nor_large(samples: int, batch_size: int) -> None:
    size = shard_size(samples, batch_size)
    assert size % batch_size == 0
    assert size <= max(1024, batch_size)
    assert -(-(10**7) // shard_size(10**7, batch_size)) <= 201  # each may have files open
    # Not twice as many samples a shard as 64 shards need, beyond what a batch asks for.
    assert size == batch_size or size <= -(-samples // 64)


def vectors(rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, 3)).astype(np.float32)


@pytest.mark.parametrize("kind", ["memory", "folder"])
def test_what_is_written_is_read(tmp_path, kind: str) -> None:
    store = MemoryShards()
    if kind == "folder":
        store = ShardFolder(tmp_path / "scoring", dict(of="a"), lambda ids: [BAD])
    shards = [
        Shard(["a", "c"], dict(x=np.float32([1, -0.0]), v=vectors(2, 0)), [BAD]),
        Shard([], {}, [BAD]),
        Shard(["d"], dict(x=np.float32([3]), v=vectors(1, 1))),
    ]
    assert store.missing(3) == [0, 1, 2]
    for number in (2, 0, 1):
        store.write(number, Shard(shards[number].ids, dict(shards[number].columns), [BAD]))
    found = store.collect(3)
    assert [shard.ids for shard in found] == [["a", "c"], [], ["d"]]
    assert found[1].columns == {}
    assert all(shard.skipped == [BAD] for shard in found)
    for name in ("x", "v"):
        blocks = [shards[i].columns[name] for i in (0, 2)]
        for shard, block in zip((found[0], found[2]), blocks, strict=True):
            assert shard.columns[name].tobytes() == block.tobytes()
            assert shard.columns[name].dtype == np.float32
        joined = store.join(name, iter(blocks), 3)
        assert joined.tobytes() == b"".join(block.tobytes() for block in blocks)
        assert joined.shape == (3, *blocks[0].shape[1:])
    if kind == "folder":
        store.write(2, shards[2])
        assert ShardFolder(tmp_path / "scoring", dict(of="a"), lambda ids: [BAD]).missing(4) == [3]
        assert ShardFolder(tmp_path / "scoring", dict(of="b"), lambda ids: []).missing(3) == [
            *range(3)
        ]
        remove_shards(tmp_path / "scoring")
        assert not (tmp_path / "scoring").exists()
        remove_shards(tmp_path / "scoring")  # nothing is left to be removed


def test_a_missing_shard_is_told(tmp_path) -> None:
    store = ShardFolder(tmp_path, {}, lambda ids: [])
    store.missing(2)
    store.write(0, Shard(["a"], dict(x=np.float32([1]))))
    with pytest.raises(FileNotFoundError, match=r"000001.*shared disk"):
        store.collect(2)


@pytest.mark.parametrize("combine", [np.mean, np.max])
@pytest.mark.parametrize("skipped", [(), ("s3", "s9")])
def test_people_of_an_image_are_combined_across_shards(combine, skipped) -> None:
    rng = np.random.default_rng(0)
    counts = [1, 3, 1, 20, 2, 1, 1, 5, 9, 1]
    ids = [f"s{i}" for i, count in enumerate(counts) for _ in range(count)]
    for shape in [(), (4,)]:
        rows = rng.normal(size=(len(ids), *shape)).astype(np.float32)
        ends = sorted(rng.choice(np.arange(1, len(ids)), 6, replace=False))
        parts = zip(np.split(np.array(ids), ends), np.split(rows, ends), strict=True)
        parts = [(part.tolist(), values) for part, values in parts]
        found = np.concatenate(list(_by_sample(parts, dict.fromkeys(skipped, BAD), combine)))
        names = [name for name in dict.fromkeys(ids) if name not in skipped]
        expected = [
            combine(rows[[i for i, other in enumerate(ids) if other == name]], axis=0)
            for name in names
        ]
        assert np.stack(expected).tobytes() == found.tobytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_is_told_as_that() -> None:
    """``np.save`` raises an error without a number, by which nobody knows it."""
    with pytest.raises(OSError, match="No space left") as caught:
        _write_vectors(Path("/dev/full"), [np.ones((1000, 512), np.float32)], 1000)
    assert caught.value.errno == errno.ENOSPC


def test_vectors_are_those_that_numpy_reads(tmp_path: Path) -> None:
    blocks = [np.random.default_rng(i).normal(size=(i + 1, 3)) for i in range(3)]
    _write_vectors(tmp_path / "v.npy", blocks, 6)
    np.testing.assert_array_equal(np.load(tmp_path / "v.npy"), np.concatenate(blocks))
