from .cached_views import CachedViews

__all__ = ["CachedViews"]
