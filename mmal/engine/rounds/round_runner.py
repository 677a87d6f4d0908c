"""mmengine's runner, quieter."""

import io
import logging
from contextlib import redirect_stdout

from mmengine.logging import MMLogger
from mmengine.runner import Runner

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
        return logger

    def load_checkpoint(self, *args, **kwargs) -> dict:
        """Load a checkpoint without printing that it is loaded."""
        with redirect_stdout(io.StringIO()):
            return super().load_checkpoint(*args, **kwargs)


def _matters(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return not any(words in message for words in _OF_NO_USE)
