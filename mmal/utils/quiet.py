"""Keeping what is said twice from the log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.logging import MMLogger


@contextmanager
def quiet() -> Iterator[None]:
    """Keep from the log what a training says anyway, of a model that is built beside it."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)  # logging.disable does not reach mmengine's loggers
    try:
        yield
    finally:
        logger.setLevel(level)
