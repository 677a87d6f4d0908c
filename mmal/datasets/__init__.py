from .image_folder import ImageFolder
from .pool_dataset import PoolDataset
from .seeded_workers import seed_worker_by_epoch

__all__ = ["ImageFolder", "PoolDataset", "seed_worker_by_epoch"]
