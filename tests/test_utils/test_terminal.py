"""What a user of the tools gets to see."""

import sys
import warnings
from pathlib import Path

from mmengine.logging import MMLogger

from mmal.utils import quiet_terminal


def test_noise_goes_to_the_file_and_all_else_to_the_terminal(tmp_path: Path, capsys) -> None:
    log = tmp_path / "other.log"
    with quiet_terminal(log):
        print("creating index...")
        print("mmal says this")
        print()
        print("Loads checkpoint by local backend from path: x", file=sys.stderr)
        print("an error", file=sys.stderr)
        warnings.warn("old habits", UserWarning, stacklevel=1)
        print("index created!")
    out, err = capsys.readouterr()
    assert out == "mmal says this\n\n"
    assert err == "an error\n"
    heard = log.read_text().splitlines()
    assert heard[:2] == ["creating index...", "Loads checkpoint by local backend from path: x"]
    assert heard[2].endswith("UserWarning: old habits")
    assert heard[3] == "index created!"


def test_loggers_that_were_there_before_are_quiet_too(capsys) -> None:
    logger = MMLogger(name="made by an import")
    MMLogger._instance_dict["made by an import"] = logger
    try:
        with quiet_terminal():
            logger.info("Loads checkpoint by local backend")
            logger.info("mmal says this")
        logger.info("Loads checkpoint by local backend, afterwards")
    finally:
        del MMLogger._instance_dict["made by an import"]
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("mmal says this")
    assert second.endswith("Loads checkpoint by local backend, afterwards")


def test_nothing_is_written_where_there_is_no_folder(tmp_path: Path, capsys) -> None:
    with quiet_terminal(tmp_path / "none/other.log"):
        print("creating index...")
    assert not (tmp_path / "none").exists()
    assert capsys.readouterr().out == ""
