from .config import with_cached_features
from .settings import CachedFeatures

__all__ = ["CachedFeatures", "with_cached_features"]
