from mmal.datasets.feature_store import CachedFeaturesError

from .config import features_name, with_cached_features
from .settings import CachedFeatures

__all__ = ["CachedFeatures", "CachedFeaturesError", "features_name", "with_cached_features"]
