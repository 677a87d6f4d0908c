"""mmengine's runner, quieter."""

import errno
import io
import logging
from contextlib import redirect_stdout
from pathlib import Path

from mmengine.logging import MMLogger
from mmengine.runner import Runner

from mmal.utils import StorageError, named_errors

#: Warnings of mmengine about its own parts, which come in every round and say nothing of it.
_OF_NO_USE = ("will be deprecated", "Could not safely load weights")


class RoundRunner(Runner):
    """A Runner that logs to its file as ever, but to the terminal only warnings that matter.

    A run of rounds builds two runners a round; what they print of environment and config would
    bury the rounds.
    """

    def build_logger(self, *args, **kwargs) -> MMLogger:
        """Build the logger and raise the level of its terminal handler."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if type(handler) is logging.StreamHandler:
                handler.setLevel(logging.WARNING)
                handler.addFilter(_matters)
            elif isinstance(handler, logging.FileHandler):
                handler.handleError = _raise  # a full disk is told of once, not in each line
        return logger

    def load_checkpoint(self, *args, **kwargs) -> dict:
        """Load a checkpoint without printing that it is loaded."""
        with redirect_stdout(io.StringIO()):
            return super().load_checkpoint(*args, **kwargs)

    def save_checkpoint(self, out_dir: str, filename: str, *args, **kwargs) -> None:
        """Save a checkpoint.

        Raises:
            StorageError: If the disk takes no more.
        """
        path = Path(out_dir, filename)
        with named_errors(path):
            try:
                super().save_checkpoint(out_dir, filename, *args, **kwargs)
            except RuntimeError as error:  # torch's own writer gives no OSError
                if "PytorchStreamWriter" not in str(error) and "iostream" not in str(error):
                    raise
                reason = str(error).partition("\n")[0]
                raise StorageError(errno.EIO, f"{path} cannot be written: {reason}") from error


def _raise(record: logging.LogRecord) -> None:
    """Let an error of writing to the log be an error of the run."""
    raise


def _matters(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return not any(words in message for words in _OF_NO_USE)
