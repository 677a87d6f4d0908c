"""torchrun, which says of a failed process where to look instead of printing its own traceback."""

import logging
import sys

from torch.distributed import run
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError


def main() -> None:
    # It reports each process that it ends after the first failure.
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    try:
        run.main()
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        code = failure.exitcode
        print(
            f"Process {rank} was the first on this machine to end, with the exit code {code}. Why "
            "is told above, or on the machine where a process failed first.",
            file=sys.stderr,
        )
        sys.exit(code if code > 0 else 128 - code)  # negative: the number of a signal
    except SignalException as stop:
        sys.exit(128 + stop.sigval)


if __name__ == "__main__":
    main()
