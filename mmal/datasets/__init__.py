from .feature_store import FeatureStore, View, packed_sample
from .image_folder import ImageFolder
from .pool_dataset import PoolDataset
from .pools import LongTailed, OffTopic, Redundant
from .seeded_workers import seed_worker_by_epoch
from .transforms import CachedViews, VaryImage

__all__ = [
    "CachedViews",
    "FeatureStore",
    "ImageFolder",
    "LongTailed",
    "OffTopic",
    "PoolDataset",
    "Redundant",
    "VaryImage",
    "View",
    "packed_sample",
    "seed_worker_by_epoch",
]
