from .image_folder import ImageFolder
from .pool_dataset import PoolDataset
from .pools import LongTailed, OffTopic, Redundant
from .seeded_workers import seed_worker_by_epoch
from .transforms import VaryImage

__all__ = [
    "ImageFolder",
    "LongTailed",
    "OffTopic",
    "PoolDataset",
    "Redundant",
    "VaryImage",
    "seed_worker_by_epoch",
]
