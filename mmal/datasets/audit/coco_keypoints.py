"""People in COCO layout: one JSON file with images and annotations with joints."""

import numpy as np

from .coco_detections import audit_detections
from .coco_file import CocoFile, is_flag, is_number, is_whole, read_coco
from .file_problems import FileProblems
from .generic import audit_generic
from .people import People, audit_people, check_handed_out, float_array, joints_value
from .stated import SetAudit, StatedImage, StatedObject, is_share

_NUMBERS = {int, float, type(None)}
#: What a joint may be: not labelled, labelled but hidden, visible.
_LEVELS = (0, 1, 2)
_METHODS = ("load_data_list", "_load_annotations", "parse_data_info")


def audit_coco_keypoints(audit: SetAudit) -> tuple[list[dict], list[StatedImage]]:
    """Compare people in a COCO file with what MMPose's data set makes of it.

    Returns:
        What the data set hands out, unfiltered, which is nothing if loading would stumble over
        the file, and what the file states.
    """
    if not _is_plain(audit):
        infos, images = audit_generic(audit)
        check_handed_out(audit, infos)
        return infos, images
    if audit.dataset.bbox_file:
        return audit_detections(audit)
    problems = FileProblems(audit, audit.source)
    tables = ("images", "annotations") if audit.scored else ("images",)
    file = read_coco(problems, image_id=is_whole, needs=tables)
    reader = _Reader(audit, problems)
    images = reader.read(file) if file is not None else []
    return audit_people(audit, problems, images, reader.people(), _LEVELS)


def _is_plain(audit: SetAudit) -> bool:
    """Whether a data set's files are COCO's; whole-body and MPII-TRB ones, for example, are not."""
    load, read, parse = (getattr(type(audit.dataset), name) for name in _METHODS)
    plain = "BaseCocoStyleDataset."
    if not all(method.__qualname__.startswith(plain) for method in (load, read)):
        return False
    return parse.__qualname__.startswith(plain) or not audit.is_stock


class _Reader:
    """Collects the people of a file.

    Args:
        audit: The audit of the data set.
        problems: What loading would stumble over goes there.
    """

    def __init__(self, audit: SetAudit, problems: FileProblems) -> None:
        self._audit = audit
        self._problems = problems
        self._joints = audit.dataset.metainfo["num_keypoints"]
        self._top_down = audit.dataset.data_mode == "topdown"
        self._found: list[dict] = []
        self._images: list[StatedImage] = []
        self._places: list[str] = []

    def read(self, file: CocoFile) -> list[StatedImage]:
        """Read all images and people."""
        interval = self._audit.dataset.sample_interval
        images = [
            self._image(key, entry, file.annotations.get(key, ()))
            for key, entry in file.images.items()
            if key % interval == 0
        ]
        for _ in range(len(file.images) - len(images)):
            rule = f"sample_interval={interval}"
            self._audit.add("image-filtered", self._audit.source, "", rule)
        return images

    def _image(self, key: int, entry: dict, annotations: list[dict]) -> StatedImage:
        name = str(entry.get("file_name"))
        image = StatedImage(key, str(self._audit.source), name)
        # Top-down data sets are made of people, bottom-up ones of images.
        image.needed = not self._top_down and self._audit.dataset.test_mode
        good = [key for key in ("width", "height") if is_number(entry.get(key))]
        if len(good) == 2:
            image.size = (entry["width"], entry["height"])
        for annotation in annotations:
            place = f"annotation {annotation['id']!r}"
            if "bbox" not in annotation or "keypoints" not in annotation:
                self._leave_out(annotation, place, image)
            elif image.size is None or self._has_problem(annotation, place):
                continue
            elif not annotation["keypoints"]:
                self._leave_out(annotation, place, image)
            else:
                self._found.append(annotation)
                self._images.append(image)
                self._places.append(place)
        if annotations and image.size is None:
            for key in {"width", "height"}.difference(good):
                self._problems.lacks(f"image {image.key}", entry, key, "a number of pixels")
        if not self._top_down:
            self._check_segmentations(annotations)
        return image

    def _leave_out(self, annotation: dict, place: str, image: StatedImage) -> None:
        """Report a person whom loading passes over for a missing key."""
        image.objects.append(StatedObject(place, "person", None, "person-dropped"))
        joints = annotation.get("keypoints")
        numbers = isinstance(joints, list) and set(map(type, joints)) <= _NUMBERS
        if annotation.get("iscrowd"):
            self._audit.add("flag-ignored", image.file, place, "iscrowd")
        elif numbers and any(level for level in joints[2::3]):
            self._audit.add("person-no-box", image.file, place, f"has no 'bbox' on {image.name}")
        else:
            self._audit.add("no-joints", image.file, place, f"has no 'keypoints' on {image.name}")

    def _has_problem(self, annotation: dict, place: str) -> bool:
        """Note what loading would stumble over."""
        box, joints = annotation["bbox"], annotation["keypoints"]
        if not is_flag(annotation.get("iscrowd")):
            problem = "iscrowd", "0 or 1"
        elif not (isinstance(box, list) and len(box) == 4 and all(map(is_number, box))):
            problem = "bbox", "[x, y, width, height] in pixels"
        elif not all(is_number(annotation.get(key, 0)) for key in ("area", "num_keypoints")):
            key = "area" if not is_number(annotation.get("area", 0)) else "num_keypoints"
            problem = key, "a number"
        elif not (isinstance(joints, list) and set(map(type, joints)) <= _NUMBERS):
            problem = "keypoints", "a list of numbers [x1, y1, visibility1, x2, …]"
        elif any(type(v) is int and not is_number(v) for v in joints):
            problem = "keypoints", "pixels"
        elif odd := [v for v in joints[2::3] if not is_number(v) or v < 0]:
            self._problems.wrong(place, "keypoints: a visibility", odd[0], f"one of {_LEVELS}")
            return True
        elif len(joints) != 3 * self._joints and not self._is_unlabelled(annotation):
            found = f"{len(joints) / 3:g}"
            self._problems.add("joints-count", place, joints_value(self._audit, found, found))
            return True
        else:
            return False
        self._problems.lacks(place, annotation, *problem)
        return True

    def _is_unlabelled(self, annotation: dict) -> bool:
        """Whether joints may be an empty list, since the person is left out before it is read."""
        empty = not annotation["keypoints"] and annotation.get("num_keypoints") == 0
        return empty and self._top_down

    def _check_segmentations(self, annotations: list[dict]) -> None:
        """Note outlines that bottom-up data sets cannot put together, since one is missing."""
        read = [a for a in annotations if "bbox" in a and "keypoints" in a]
        if not read or not isinstance(read[0].get("segmentation"), list):
            return
        for annotation in read:
            if not isinstance(annotation.get("segmentation"), (list, str, dict)):
                expected = f"a list, as annotation {read[0]['id']!r} of the image has"
                place = f"annotation {annotation['id']!r}"
                self._problems.lacks(place, annotation, "segmentation", expected)

    def people(self) -> People:
        """Return everybody whose entry can be read; report whom the data set leaves out and why.

        What is left out follows ``BaseCocoStyleDataset.parse_data_info`` and
        ``_is_valid_instance``, in numbers of the same precision.
        """
        found, count = self._found, len(self._found)
        joints = float_array([entry["keypoints"] for entry in found], (count, self._joints, 3))
        size = np.array([image.size for image in self._images], dtype=float).reshape(count, 2)
        written = np.array([entry["bbox"] for entry in found], dtype=float).reshape(count, 4)
        boxes = np.hstack([written[:, :2], written[:, :2] + written[:, 2:]])
        boxes = np.clip(boxes, 0, np.tile(size, 2) - 1).astype(np.float32)
        where, visible = joints[..., :2], joints[..., 2]
        labelled = np.count_nonzero(where.max(axis=2), axis=1).tolist()
        labelled = [e.get("num_keypoints", n) for e, n in zip(found, labelled, strict=True)]
        reasons = {
            "crowd": np.array([bool(e.get("iscrowd")) for e in found], dtype=bool),
            "unlabelled": np.array(labelled) == 0,
            "no box": (boxes[:, 2:] <= boxes[:, :2]).any(axis=1),
            "nowhere": where.max(axis=(1, 2), initial=-np.inf) <= 0,
        }
        left_out = np.any(list(reasons.values()), axis=0) & self._top_down
        people = People(
            keys=[entry["id"] for entry in found],
            places=self._places,
            images=self._images,
            boxes=boxes,
            joints=where,
            visible=visible,
            left_out=left_out,
            ignored=reasons["crowd"],
        )
        self._report(people, reasons, written)
        return people

    def _report(self, people: People, reasons: dict[str, np.ndarray], written: np.ndarray) -> None:
        """Report what is wrong with people beside their joints."""
        audit = self._audit
        people.report(audit, "flag-ignored", reasons["crowd"], lambda i: "iscrowd")
        shares = np.array([is_share(entry["bbox"]) for entry in self._found], dtype=bool)
        people.report(audit, "box-shares", shares, lambda i: f"bbox {written[i].tolist()}")
        if not self._top_down:
            return
        rest = (people.visible > 0).any(axis=1) & ~reasons["crowd"] & ~shares

        def of(index: int) -> str:
            image = people.images[index]
            return f"on {image.name} of {image.size[0]:g} x {image.size[1]:g} pixels"

        def labelled(index: int) -> str:
            visible = int((people.visible[index] > 0).sum())
            if "num_keypoints" in self._found[index]:
                return f"num_keypoints is 0, and {visible} joints have a visibility above 0"
            return f"{visible} visible joints, all of them at (0, 0)"

        people.report(audit, "person-dropped", rest & reasons["unlabelled"], labelled)
        rest &= ~reasons["unlabelled"]
        no_box = rest & reasons["no box"]
        people.report(
            audit, "person-no-box", no_box, lambda i: f"bbox {written[i].tolist()} {of(i)}"
        )
        nowhere = rest & ~reasons["no box"] & reasons["nowhere"]
        people.report(
            audit, "person-dropped", nowhere, lambda i: "no joint has a coordinate above 0"
        )
