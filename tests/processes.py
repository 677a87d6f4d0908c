"""Running a function in several processes that form a distributed group."""

import os
import socket
import sys
from collections.abc import Callable
from typing import Any

import torch.distributed as dist
import torch.multiprocessing as mp


def run_in_processes(function: Callable[..., Any], world_size: int, *args: Any) -> list:
    """Call ``function(rank, *args)`` in each process of a gloo group; return the results."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    context = mp.get_context("spawn")
    queue = context.SimpleQueue()
    mp.spawn(_run, (function, world_size, port, queue, args), nprocs=world_size)
    results = [queue.get() for _ in range(world_size)]
    return [result for _, result in sorted(results, key=lambda pair: pair[0])]


def _run(
    rank: int, function: Callable, world_size: int, port: int, queue: Any, args: tuple
) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=world_size)
    try:
        queue.put((rank, function(rank, *args)))
        dist.barrier()  # torch 2.5 may wait for ever to leave a group that others have left
    finally:
        dist.destroy_process_group()
    # Rarely, gloo's threads abort a process whose Python goes down under them: it need not.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
