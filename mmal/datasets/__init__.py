from .feature_store import FeatureStore, View, packed_sample
from .image_folder import ImageFolder
from .image_list import ImageList
from .listed_samples import Listings
from .pool_dataset import PoolDataset
from .pools import LongTailed, OffTopic, Redundant
from .raw_images import RawImages
from .seeded_batches import SeededBatchSampler, seed_batches
from .seeded_workers import seed_worker_by_epoch
from .transforms import CachedViews, VaryImage

__all__ = [
    "CachedViews",
    "FeatureStore",
    "ImageFolder",
    "ImageList",
    "Listings",
    "LongTailed",
    "OffTopic",
    "PoolDataset",
    "RawImages",
    "Redundant",
    "SeededBatchSampler",
    "VaryImage",
    "View",
    "packed_sample",
    "seed_batches",
    "seed_worker_by_epoch",
]
