from .config import with_cached_features
from .settings import CachedFeatures, CachedFeaturesError

__all__ = ["CachedFeatures", "CachedFeaturesError", "with_cached_features"]
