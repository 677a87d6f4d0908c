"""Tests of what becomes of images that cannot be read."""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from mmal.engine.acquisition import acquire, draw_initial
from mmal.engine.unreadable import (
    SkipUnreadable,
    UnreadableImagesError,
    check_share,
    first_readable,
    refuse_labeled,
    refuse_many,
    write_skipped,
)
from mmal.queries import Herding, Query, Random
from mmal.structures import Pool, PoolScores, UnreadableImage

IDS = [f"i{n:02d}" for n in range(40)]


def looks(bad: Iterable[str], seen: list[str]):
    """Return what opens images: those of ``bad`` cannot be read."""

    def unreadable(ids: Iterable[str]) -> list[UnreadableImage]:
        seen.extend(ids)
        return [UnreadableImage(i, f"{i}.jpg", "is empty") for i in ids if i in bad]

    return unreadable


def test_the_next_replace_what_cannot_be_read() -> None:
    seen: list[str] = []
    unreadable = looks(["i01", "i04", "i05", "i30"], seen)
    picks, skipped = first_readable(lambda n: IDS[:n], 4, 40, unreadable, 0.1)
    assert picks == ["i00", "i02", "i03", "i06"]
    assert [image.id for image in skipped] == ["i01", "i04", "i05"]
    assert seen == IDS[:7]  # no file was opened twice, and none that was not needed


def test_too_many_are_refused() -> None:
    with pytest.raises(UnreadableImagesError, match=r"3 of 40 .* share 0\.05 .* i00\.jpg is empty"):
        first_readable(lambda n: IDS[:n], 4, 40, looks(IDS[:3], []), 0.05)
    with pytest.raises(UnreadableImagesError, match=r"38 samples .* of 40 candidates only 37"):
        first_readable(lambda n: IDS[:n], 38, 40, looks(IDS[:3], []), 0.5)
    image = UnreadableImage("a", "a.jpg", "does not exist")
    refuse_many([image, image], 100, 0.01)  # two people of one image
    with pytest.raises(UnreadableImagesError):
        refuse_many([image], 1, 1.0)  # nothing would be left
    refuse_labeled([image], ["b"])
    with pytest.raises(UnreadableImagesError, match=r"1 labelled images .* a\.jpg does not exist"):
        refuse_labeled([image], ["b", "a"])


@pytest.mark.parametrize("share", [-0.1, 1.5, True, "1 %", None])
def test_a_share_is_a_share(share) -> None:
    with pytest.raises(ValueError, match=r"x\.unreadable must be a share in 0\.\.1"):
        check_share(share, "x.unreadable")


def test_what_was_skipped_is_a_table(tmp_path) -> None:
    path = tmp_path / "skipped.csv"
    write_skipped(path, [UnreadableImage("=1", "a,b.jpg", "cannot be read: [Errno 5]")])
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["id", "path", "reason"], ["'=1", "a,b.jpg", "cannot be read: [Errno 5]"]]
    write_skipped(path, [])
    assert not path.exists()


class Images:
    """Image files on the disk, as the unlabelled split of a pool has them."""

    def __init__(self, folder: Path, bad: Iterable[str], in_memory: bool = False) -> None:
        self.folder, self.in_memory = folder, in_memory
        good = bytes.fromhex("424d1e000000000000001a0000000c00000001000100010018000000ff00")  # BMP
        for name in IDS:
            (folder / name).write_bytes(b"torn" if name in bad else good)

    def __len__(self) -> int:
        return len(IDS)

    def __getitem__(self, idx: int) -> bytes:
        content = (self.folder / IDS[idx]).read_bytes()
        assert content != b"torn"
        return content

    def sample_name(self, idx: int) -> tuple[str, str]:
        return IDS[idx], str(self.folder / IDS[idx])

    def image_file(self, idx: int) -> tuple[str, None] | None:
        return None if self.in_memory else (str(self.folder / IDS[idx]), None)


def test_a_data_set_says_which_images_cannot_be_read(tmp_path) -> None:
    dataset = SkipUnreadable(Images(tmp_path, ["i03"]))
    assert dataset[2].startswith(b"BM")
    image = UnreadableImage("i03", str(tmp_path / "i03"), "is no image that OpenCV decodes")
    assert dataset[3] == image
    with pytest.raises(AssertionError):  # there is no file that could be at fault
        SkipUnreadable(Images(tmp_path, ["i03"], in_memory=True))[3]


def pick(tmp_path: Path, bad: Iterable[str], query: Query, score=None, **kwargs) -> tuple:
    (tmp_path / "images").mkdir(exist_ok=True)
    pool = Pool(IDS, 3)
    images = Images(tmp_path / "images", bad)
    found = acquire(pool, None, tmp_path / "round", images, query, 8, 30, score, **kwargs)
    skipped = tmp_path / "round" / "skipped.csv"
    listed = []
    if skipped.exists():
        with open(skipped, newline="") as file:
            listed = [row["id"] for row in csv.DictReader(file)]
    assert listed == [image.id for image in found.skipped]
    return found.picks, listed


def test_a_random_draw_leaves_out_what_cannot_be_read(tmp_path) -> None:
    longer = Pool(IDS, 3)
    rng = np.random.default_rng([3, 0, 0])
    candidates = [IDS[i] for i in np.sort(rng.choice(40, 30, replace=False))]
    order = [candidates[i] for i in np.random.default_rng([3, 0, 1]).permutation(30)]
    assert pick(tmp_path, [], Random()) == (order[:8], [])
    bad = [order[1], order[5], order[8], *set(longer.ids).difference(candidates)]
    expected = [name for name in order if name not in bad][:8]
    assert pick(tmp_path, bad, Random(), unreadable=0.1) == (expected, bad[:3])
    with pytest.raises(UnreadableImagesError, match="3 of 30"):
        pick(tmp_path, bad, Random(), unreadable=0.09)
    assert pick(tmp_path, [], Random()) == (order[:8], [])  # mended; the list is gone


def test_scored_candidates_are_those_that_could_be_read(tmp_path) -> None:
    class Worst(Query):
        requires = ("pred_loss",)

        def _pick(self, scores, labeled, budget, rng):
            return np.argsort(-scores.fields["pred_loss"])[:budget]

    bad: list[UnreadableImage] = []

    def score(ids: list[str]) -> PoolScores:
        lost = [name for name in ids if name in ids[2:4]]
        kept = [name for name in ids if name not in lost]
        bad[:] = [UnreadableImage(name, name, "is empty") for name in lost]
        return PoolScores(kept, kept, dict(pred_loss=np.arange(len(kept), dtype=float)), bad)

    picks, listed = pick(tmp_path, [], Worst(), score)
    scored = PoolScores.load(tmp_path / "round" / "scores.parquet").ids
    assert len(scored) == 28
    assert listed == [image.id for image in bad]
    assert not set(listed) & set(scored)
    assert picks == scored[:-9:-1]


def test_labelled_images_have_to_be_read(tmp_path) -> None:
    pool = Pool(IDS)
    pool.commit(["i05"], "initial", None)

    def score(ids: list[str]) -> PoolScores:
        lost = [UnreadableImage("i05", "i05.jpg", "is empty")]
        kept = [name for name in ids if name != "i05"]
        return PoolScores(kept, kept, dict(features=np.zeros((len(kept), 2))), lost)

    query = Herding()
    assert query.reads_labeled
    with pytest.raises(UnreadableImagesError, match=r"labelled images cannot be read: i05\.jpg"):
        acquire(pool, None, tmp_path, Images(tmp_path, []), query, 3, None, score, unreadable=0.5)
    assert pool.labeled_ids == ["i05"]


def test_the_initial_draw_leaves_out_what_cannot_be_read() -> None:
    class Files:
        unreadable = staticmethod(looks(IDS[::2], []))

    pool = Pool(IDS, 5)
    order = draw_initial(pool, 40)
    odd = [name for name in order if name in IDS[1::2]]
    assert draw_initial(pool, 7, Files, unreadable=0.5) == odd[:7]
