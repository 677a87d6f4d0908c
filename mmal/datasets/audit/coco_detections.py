"""People that a detector found (``bbox_file``), for test sets of top-down pose data."""

import numpy as np

from .coco_file import TABLES, CocoFile, is_number, is_whole, read_coco, read_json
from .file_problems import FileProblems
from .generic import audit_generic
from .people import People, audit_people, check_handed_out
from .stated import SetAudit, StatedImage

#: The only category that MMPose takes from such a file.
_PERSON = 1
#: Detections have no joints; the data set hands out made-up ones.
_LEVELS = (1,)


def audit_detections(audit: SetAudit) -> tuple[list[dict], list[StatedImage]]:
    """Compare a file of detections, and the COCO file that it speaks of, with what is handed out.

    Returns:
        What the data set hands out, unfiltered, which is nothing if loading would stumble over
        the files, and what the detections state.
    """
    if not audit.dataset.bbox_file.endswith(".json"):
        infos, images = audit_generic(audit)
        check_handed_out(audit, infos)
        return infos, images
    problems = FileProblems(audit, audit.source)
    tables = TABLES if audit.scored else ("images", "categories")
    file = read_coco(problems, image_id=is_whole, needs=tables)
    problems.file = audit.dataset.bbox_file
    detections = read_json(problems)
    if detections is not None and not isinstance(detections, list):
        problems.wrong("", "", detections, "a list of detections")
        detections = None
    reader = _Reader(audit, problems)
    if file is not None:
        reader.read(detections or [], file)
    return audit_people(audit, problems, list(reader.images.values()), reader.people(), _LEVELS)


class _Reader:
    """Collects detections of people, and the images that they are on.

    Args:
        audit: The audit of the data set.
        problems: What loading would stumble over goes there.
    """

    def __init__(self, audit: SetAudit, problems: FileProblems) -> None:
        self.images: dict[int, StatedImage] = {}
        self._audit = audit
        self._problems = problems
        self._found: list[dict] = []
        self._places: list[str] = []

    def read(self, detections: list, file: CocoFile) -> None:
        """Read all detections."""
        for number, detection in enumerate(detections):
            place = f"detection {number}"
            if not isinstance(detection, dict):
                self._problems.wrong(place, "", detection, "an object")
            elif "category_id" not in detection:
                self._problems.lacks(place, detection, "category_id", f"{_PERSON}, a person")
            elif detection["category_id"] != _PERSON:
                value = f"category_id {detection['category_id']!r}"
                self._audit.add("not-a-person", self._problems.file, place, value)
            elif not self._has_problem(detection, place, file):
                self._found.append(detection)
                self._places.append(place)

    def _has_problem(self, detection: dict, place: str, file: CocoFile) -> bool:
        key, box = detection.get("image_id"), detection.get("bbox")
        if not is_whole(key) or key not in file.images:
            expected = f"the id of an image in {self._audit.source}"
            self._problems.lacks(place, detection, "image_id", expected)
        elif not (isinstance(box, list) and len(box) >= 4 and all(map(is_number, box[:4]))):
            self._problems.lacks(place, detection, "bbox", "[x, y, width, height] in pixels")
        elif not is_number(detection.get("score")):
            self._problems.lacks(place, detection, "score", "a number")
        else:
            return key not in self.images and not self._add_image(key, file.images[key])
        return True

    def _add_image(self, key: int, entry: dict) -> bool:
        """Add an image; return whether its entry is good."""
        for name in ("width", "height"):
            if not is_number(entry.get(name)):
                value = f"image {key} in {self._audit.source}"
                self._problems.lacks(value, entry, name, "a number of pixels")
                return False
        size = (entry["width"], entry["height"])
        self.images[key] = StatedImage(
            key, self._problems.file, str(entry["file_name"]), size, needed=False
        )
        return True

    def people(self) -> People:
        """Return everybody that was detected, with joints as MMPose makes them up."""
        count = len(self._found)
        boxes = np.array([entry["bbox"][:4] for entry in self._found], dtype=np.float32)
        boxes = boxes.reshape(count, 4)
        boxes[:, 2:] += boxes[:, :2]
        joints = self._audit.dataset.metainfo["num_keypoints"]
        return People(
            keys=list(range(count)),
            places=self._places,
            images=[self.images[entry["image_id"]] for entry in self._found],
            boxes=boxes,
            joints=np.zeros((count, joints, 2), dtype=np.float32),
            visible=np.ones((count, joints), dtype=np.float32),
            left_out=np.zeros(count, dtype=bool),
            ignored=np.zeros(count, dtype=bool),
        )
