from mmal.engine.rounds import prepare_rounds, run_rounds

from .score_pool import score_images

__all__ = ["prepare_rounds", "run_rounds", "score_images"]
