"""The error of several processes that a person has to see."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.dist import get_rank, is_distributed
from torch.distributed import distributed_c10d

_KEY = "mmal/first_error"


@contextmanager
def first_error_only() -> Iterator[None]:
    """Let the process that fails first tell its error, and end the others without a word.

    When a process has failed, the others do at their next common operation, with errors of the
    connection that say nothing, and bury what happened. Where all fail by the same error, it is
    told once.

    Raises:
        SystemExit: With the code 1, in a process that did not fail first.
    """
    try:
        yield
    except Exception:
        if is_distributed() and not _is_first():
            sys.exit(1)
        raise


def _is_first() -> bool:
    rank = str(get_rank())
    try:
        # The store by which the processes found each other: unlike a group, it needs nobody else.
        store = distributed_c10d._get_default_store()
        return store.compare_set(_KEY, "", rank).decode() == rank
    except Exception:  # it lived in a process that has ended: better two errors than none
        return True
