"""Tests of atomic writing."""

import errno
import os
import pickle
import stat

import pytest

from mmal.utils import StorageError, atomic_path, full_disk_errors


@pytest.mark.parametrize("as_type", [str, lambda path: path])
def test_replaces_the_file_and_leaves_nothing_else(tmp_path, as_type):
    path = tmp_path / "new" / "folder" / "pool.json"
    for content in ("old", "new"):
        with atomic_path(as_type(path)) as tmp:
            assert tmp.parent == path.parent  # a rename within one file system
            assert tmp.suffix == ".json"  # writers choose the format by it
            assert tmp != path
            tmp.write_text(content)

        assert path.read_text() == content
        assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failing_body_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "pool.json"
    path.write_text("old")

    with pytest.raises(error), atomic_path(path) as tmp:  # noqa: PT012
        tmp.write_text("half of the n")
        raise error

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_body_that_writes_nothing_is_an_error(tmp_path):
    path = tmp_path / "pool.json"
    path.write_text("old")

    with pytest.raises(FileNotFoundError), atomic_path(path):
        pass
    assert path.read_text() == "old"


def test_data_reach_the_disk_before_the_name(tmp_path, monkeypatch):
    steps = []
    fsync, replace = os.fsync, os.replace

    def traced_fsync(descriptor):
        status = os.fstat(descriptor)
        steps.append("folder" if stat.S_ISDIR(status.st_mode) else status.st_size)
        fsync(descriptor)

    def traced_replace(*args):
        steps.append("replace")
        replace(*args)

    monkeypatch.setattr(os, "fsync", traced_fsync)
    monkeypatch.setattr(os, "replace", traced_replace)
    with atomic_path(tmp_path / "pool.json") as tmp:
        tmp.write_text("12345")

    assert steps == [5, "replace", "folder"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_full_or_broken_disk_leaves_the_old_file_and_names_it(
    tmp_path, monkeypatch, number, step
):
    path = tmp_path / "pool.json"
    path.write_text("old")

    def fail(*args):
        raise OSError(number, os.strerror(number))

    if step != "write":
        monkeypatch.setattr(os, step, fail)
    message = rf"^{path} cannot be written: {os.strerror(number)}$"
    with pytest.raises(StorageError, match=message) as raised, atomic_path(path) as tmp:  # noqa: PT012
        tmp.write_text("new")
        if step == "write":
            fail()
    assert raised.value.errno == number
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


def test_other_errors_are_themselves(tmp_path):
    error = OSError(errno.ENOENT, "no")
    for context in (atomic_path(tmp_path / "x"), full_disk_errors(tmp_path)):
        with pytest.raises(OSError, match="no") as raised, context:
            raise error
        assert raised.value is error


@pytest.mark.parametrize(
    ("filename", "name"), [("/data/log.txt", "/data/log.txt"), (None, r"Something in /runs/x")]
)
def test_whoever_fills_the_disk_is_named(filename, name):
    with (
        pytest.raises(StorageError, match=f"^{name} cannot be written: No space left"),
        full_disk_errors("/runs/x"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device", filename)
    with (
        pytest.raises(StorageError, match=f"^{name} cannot be written .or .* read.: Input/output"),
        full_disk_errors("/runs/x"),
    ):
        raise OSError(errno.EIO, "I/O", filename)
