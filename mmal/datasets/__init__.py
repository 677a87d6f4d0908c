from .image_folder import ImageFolder
from .pool_dataset import PoolDataset
from .sample_id import sample_ids
from .seeded_workers import seed_worker_by_epoch

__all__ = ["ImageFolder", "PoolDataset", "sample_ids", "seed_worker_by_epoch"]
