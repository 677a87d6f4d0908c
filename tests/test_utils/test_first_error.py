"""Of several processes that fail, one tells its error."""

import pytest
import torch.distributed as dist

from mmal.utils import first_error_only
from tests.processes import run_in_processes


def _fail(rank: int, rank_first: int) -> str:
    """Fail in one process, then, at the next operation that they share, in the others."""
    try:
        with first_error_only():
            if rank == rank_first:
                raise ValueError("its own")
            _wait_for_the_first()
            raise RuntimeError("Connection closed by peer")
    except ValueError as error:
        return str(error)
    except SystemExit as stop:
        return f"code {stop.code}"


def _wait_for_the_first() -> None:
    dist.distributed_c10d._get_default_store().wait(["mmal/first_error"])


def test_the_first_tells_and_the_others_end() -> None:
    assert run_in_processes(_fail, 2, 1) == ["code 1", "its own"]


def test_a_single_process_tells_its_own() -> None:
    with pytest.raises(ValueError, match="its own"), first_error_only():
        raise ValueError("its own")


def test_what_is_no_error_passes() -> None:
    with pytest.raises(SystemExit) as stop, first_error_only():
        raise SystemExit(3)
    assert stop.value.code == 3
