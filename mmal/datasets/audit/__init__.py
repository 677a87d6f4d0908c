from .audit import audit_datasets
from .image_cache import ImageCache
from .report import AuditReport, DatasetError, Finding
from .settings import AuditSettings

__all__ = [
    "AuditReport",
    "AuditSettings",
    "DatasetError",
    "Finding",
    "ImageCache",
    "audit_datasets",
]
