from .vary_image import VaryImage

__all__ = ["VaryImage"]
