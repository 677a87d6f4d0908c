from .labels import ImageLabels, LabelSchema, ObjectLabel
from .pool import Pool, PoolError, PoolRound
from .pool_scores import PoolScores
from .unreadable_image import UnreadableImage

__all__ = [
    "ImageLabels",
    "LabelSchema",
    "ObjectLabel",
    "Pool",
    "PoolError",
    "PoolRound",
    "PoolScores",
    "UnreadableImage",
]
