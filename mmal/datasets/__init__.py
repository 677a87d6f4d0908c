from .feature_store import FeatureStore, View, packed_sample
from .image_folder import ImageFolder
from .pool_dataset import PoolDataset
from .seeded_workers import seed_worker_by_epoch
from .transforms import CachedViews

__all__ = [
    "CachedViews",
    "FeatureStore",
    "ImageFolder",
    "PoolDataset",
    "View",
    "packed_sample",
    "seed_worker_by_epoch",
]
