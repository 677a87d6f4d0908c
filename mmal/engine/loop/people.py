"""Boxes of people that a detector found in a pool's images."""

import json
import os
from collections import defaultdict

from mmal.datasets import RawImages

from .project import ProjectError


def read_people(path: str | os.PathLike, images: RawImages) -> dict[str, list[list[float]]]:
    """Read people from COCO JSON: ``images``, and ``annotations`` with a ``bbox``.

    Args:
        path: The file. Annotations may have a ``score``, and classes other than the first are
            people like it: a file of people is expected.
        images: Names the images by the ``file_name`` of the file.

    Returns:
        Of each image of the file, by its id, the people: left, top, right and bottom edge in
        pixels, and the score.

    Raises:
        ProjectError: If it cannot be read, or is something else.
    """
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        names = {
            image["id"]: images.name(os.path.join(images.root, image["file_name"]))
            for image in content["images"]
        }
        found: dict[str, list[list[float]]] = {name: [] for name in names.values()}
        by_image = defaultdict(list)
        for entry in content["annotations"]:
            left, top, width, height = map(float, entry["bbox"])
            by_image[names[entry["image_id"]]].append(
                [left, top, left + width, top + height, float(entry.get("score", 1))]
            )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProjectError(
            f"{path} is no file of people: {error!r}. Expected is COCO JSON with images (id, "
            "file_name) and annotations (image_id, bbox and, if there is one, score)."
        ) from error
    return found | by_image
