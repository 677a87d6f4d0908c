"""mmengine's runner, quieter."""

import logging

from mmengine.logging import MMLogger
from mmengine.runner import Runner


class RoundRunner(Runner):
    """A Runner that logs to its file as ever, but to the terminal only errors.

    A run of rounds builds two runners a round; what they print of environment and config, and the
    warnings of mmengine about its own parts, would bury the rounds. mmal says by itself what a user
    has to know.
    """

    def build_logger(self, *args, **kwargs) -> MMLogger:
        """Build the logger and raise the level of its terminal handler."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if type(handler) is logging.StreamHandler:
                handler.setLevel(logging.ERROR)
        return logger
