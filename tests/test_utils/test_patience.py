"""Processes that wait for one, however long it takes."""

import datetime
import os
import socket
import time

import numpy as np
import pytest
import torch.distributed as dist
import torch.multiprocessing as mp

from mmal.utils import gather_on_main, main_works_alone, wait_for_all
from tests.processes import run_in_processes

#: Seconds that the usual group waits; the main process works for longer.
TIMEOUT = 2


def _work(rank: int, port: int, patiently: bool) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    timeout = datetime.timedelta(seconds=TIMEOUT)
    dist.init_process_group("gloo", rank=rank, world_size=2, timeout=timeout)
    if patiently:
        with main_works_alone():
            time.sleep(0 if rank else 2 * TIMEOUT)
        time.sleep(rank * 2 * TIMEOUT)
        wait_for_all()
    else:
        time.sleep(0 if rank else 2 * TIMEOUT)
    dist.barrier()


def _spawn(patiently: bool) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    mp.spawn(_work, (port, patiently), nprocs=2)


def test_the_others_outlive_the_timeout_of_their_group() -> None:
    _spawn(patiently=True)


def test_without_patience_they_would_not() -> None:
    with pytest.raises(mp.ProcessRaisedException, match=r"[Tt]imed out|closed by peer"):
        _spawn(patiently=False)


def _gather(rank: int) -> list:
    return [part.tolist() for part in gather_on_main(np.full(2, rank))]


def test_the_main_process_alone_gets_all() -> None:
    assert run_in_processes(_gather, 2) == [[[0, 0], [1, 1]], [[1, 1]]]


def test_one_process() -> None:
    with main_works_alone():
        wait_for_all()
    assert gather_on_main("part") == ["part"]
