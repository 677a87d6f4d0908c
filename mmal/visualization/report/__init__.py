from .page import render_comparison, render_run, write_page
from .structures import (
    MOST_OTHERS,
    MOST_PICKS,
    ComparisonReport,
    PickedImage,
    ReportImage,
    ReportTable,
    RoundReport,
    RunReport,
    VectorMap,
)

__all__ = [
    "MOST_OTHERS",
    "MOST_PICKS",
    "ComparisonReport",
    "PickedImage",
    "ReportImage",
    "ReportTable",
    "RoundReport",
    "RunReport",
    "VectorMap",
    "render_comparison",
    "render_run",
    "write_page",
]
