import os

from mmal.structures import ImageLabels, LabelSchema

from .base import Exchange, Sizes
from .coco import Coco
from .cvat import Cvat
from .cvat_labels import cvat_labels
from .label_studio import LabelStudio
from .label_studio_config import labeling_config
from .label_studio_urls import local_files_url
from .problems import ExchangeError
from .source import Source
from .voc import PascalVoc
from .yolo import Yolo

__all__ = [
    "FORMATS",
    "Coco",
    "Cvat",
    "Exchange",
    "ExchangeError",
    "LabelStudio",
    "PascalVoc",
    "Yolo",
    "cvat_labels",
    "labeling_config",
    "local_files_url",
    "read_labels",
    "recognise",
]

#: Every format by its name.
FORMATS: dict[str, Exchange] = {
    exchange.name: exchange
    for exchange in (
        *(Coco(), PascalVoc(), Cvat(), LabelStudio(), Yolo()),
        PascalVoc(first_pixel=1),  # no file says which of the two it is: the other is found
    )
}


def recognise(path: str | os.PathLike) -> str | None:
    """Return the name of the format that a file, folder or ZIP archive is of; None if of none.

    Raises:
        ExchangeError: If there is no such file, or it is an archive that cannot be read.
    """
    return next((name for name, exchange in FORMATS.items() if exchange.recognises(path)), None)


def read_labels(
    path: str | os.PathLike,
    schema: LabelSchema,
    format: str | None = None,
    sizes: Sizes | None = None,
    refused: dict[str, str] | None = None,
) -> list[ImageLabels]:
    """Read labels that an annotation tool exported.

    Args:
        path: A file, a folder, or a ZIP archive.
        schema: What there is to be labelled.
        format: One of :data:`FORMATS`; found from the content if it is not given.
        sizes: Width and height of each image of the data set in pixels, by its name; needed for
            YOLO.
        refused: Gets what is wrong with the labels of single images, by name, instead of an error.

    Returns:
        The labels of each image that the file names, but for refused ones.

    Raises:
        ExchangeError: If there is no such format, the file is of none or of another one, or it
            cannot be read.
    """
    if format is not None and format not in FORMATS:
        raise ExchangeError(f"format must be one of {list(FORMATS)}. Got {format!r} instead.")
    if format is None or not FORMATS[format].recognises(path):
        found = recognise(path)
        if found is None:
            raise ExchangeError(f"{path} {_unknown(Source(path))}")
        if format is not None:
            raise ExchangeError(
                f"{path} is no {FORMATS[format].title}; it looks like {FORMATS[found].title}: "
                f"read it with format={found!r}."
            )
        format = found
    return FORMATS[format].read(path, schema, sizes, refused)


def _unknown(source: Source) -> str:
    """Say what a delivery lacks that is of no format."""
    if not source.names:
        return (
            "holds no file that labels could be in: nothing was exported, or it is another folder."
        )
    kinds = {name.rpartition(".")[2].lower() for name in source.names}
    if kinds == {"txt"}:
        return (
            "holds text files alone. If these are YOLO's, the file with the names of the classes "
            "is missing: put data.yaml (names: [cat, dog]) or classes.txt (a name a line) beside "
            "them, and give the folder of both."
        )
    if all(not source.read(name, most=4096).strip(b" \t\r\n[]{}") for name in source.names):
        return "holds no labels at all: its files are empty. Export again."
    known = "; ".join(f"{exchange.title} ({name})" for name, exchange in FORMATS.items())
    return f"has no labels in a known format: {known}."
