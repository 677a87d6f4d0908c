from .cached_views import CachedViews
from .vary_image import VaryImage

__all__ = ["CachedViews", "VaryImage"]
