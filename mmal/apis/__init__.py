from mmal.engine.rounds import run_rounds

from .score_pool import score_images

__all__ = ["run_rounds", "score_images"]
