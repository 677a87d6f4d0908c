"""People in MPII layout: a JSON list of people, and head boxes in a file of MATLAB."""

import numpy as np
from scipy.io import loadmat

from .coco_file import is_file_name, is_number, read_json
from .coco_keypoints import audit_coco_keypoints
from .file_problems import FileProblems
from .generic import audit_generic
from .people import People, audit_people, check_handed_out, float_array, joints_value
from .stated import SetAudit, StatedImage

#: What a joint may be: not visible, visible.
_LEVELS = (0, 1)
_NUMBERS = {int, float, type(None)}


def audit_mpii(audit: SetAudit) -> tuple[list[dict], list[StatedImage]]:
    """Compare people in MPII layout with what MMPose's data set makes of them.

    Returns:
        What the data set hands out, unfiltered, which is nothing if loading would stumble over
        the file, and what the file states.
    """
    if audit.dataset.bbox_file:
        return audit_coco_keypoints(audit)
    if type(audit.dataset)._load_annotations.__qualname__ != "MpiiDataset._load_annotations":
        infos, images = audit_generic(audit)
        check_handed_out(audit, infos)
        return infos, images
    problems = FileProblems(audit, audit.source)
    content = read_json(problems)
    if not problems and not isinstance(content, list):
        problems.wrong("", "", content, "a list of people")
    reader = _Reader(audit, problems)
    if not problems:
        reader.read(content)
        if audit.dataset.headbox_file:
            _check_head_boxes(audit, problems, content)
    images = list(reader.images.values())
    return audit_people(audit, problems, images, reader.people(), _LEVELS)


class _Reader:
    """Collects the people of a file.

    Args:
        audit: The audit of the data set.
        problems: What loading would stumble over goes there.
    """

    def __init__(self, audit: SetAudit, problems: FileProblems) -> None:
        self.images: dict[int, StatedImage] = {}
        self._audit = audit
        self._problems = problems
        self._joints = audit.dataset.metainfo["num_keypoints"]
        self._top_down = audit.dataset.data_mode == "topdown"
        self._found: list[dict] = []
        self._keys: list[int] = []
        self._on: list[StatedImage] = []
        self._last: StatedImage | None = None

    def read(self, entries: list) -> None:
        """Read everybody."""
        for number, entry in enumerate(entries):
            place = f"person {number}"
            if not isinstance(entry, dict):
                self._problems.wrong(place, "", entry, "an object")
                continue
            if (image := self._image(entry, place)) is None:
                continue
            place = f"{place} ({image.name})"
            if not self._has_problem(entry, place):
                self._found.append(entry)
                self._keys.append(number)
                self._on.append(image)

    def _image(self, entry: dict, place: str) -> StatedImage | None:
        """Return the image that a person is on, by the number that MMPose makes of its name."""
        name = entry.get("image")
        key = _number(name)
        if key is None:
            expected = "a file name that is a number, such as 000012.jpg"
            self._problems.lacks(place, entry, "image", expected)
            return None
        file = str(self._audit.source)
        listed = key in self.images
        image = self.images.setdefault(key, StatedImage(key, file, name, needed=False))
        if image.name != name:
            value = f"stands for {image.name!r} and {name!r}"
            self._problems.add("id-twice", f"{place}, image number {key}", value)
        elif not self._top_down and listed and self._last is not image:
            value = f"{name} is listed above, too: put all people of an image one after another"
            self._audit.add("listed-twice", file, place, value)
        self._last = image
        return image

    def _has_problem(self, entry: dict, place: str) -> bool:
        """Note what loading would stumble over."""
        center, joints, visible = (entry.get(key) for key in ("center", "joints", "joints_vis"))
        if not (isinstance(center, list) and len(center) == 2 and all(map(is_number, center))):
            problem = "center", "[x, y] in pixels"
        elif not is_number(entry.get("scale")):
            problem = "scale", "the height of the person in pixels, divided by 200"
        elif not (isinstance(joints, list) and all(map(_is_joint, joints))):
            problem = "joints", "a list of [x, y] in pixels"
        elif not (isinstance(visible, list) and all(is_number(v) and v >= 0 for v in visible)):
            problem = "joints_vis", f"a list of {_LEVELS}"
        elif {len(joints), len(visible)} != {self._joints}:
            value = joints_value(self._audit, len(joints), len(visible))
            self._problems.add("joints-count", place, value)
            return True
        else:
            return False
        self._problems.lacks(place, entry, *problem)
        return True

    def people(self) -> People:
        """Return everybody whose entry can be read; report whom the data set leaves out and why.

        Boxes follow ``MpiiDataset._load_annotations``, in numbers of the same precision.
        """
        found, count = self._found, len(self._found)
        center = np.array([e["center"] for e in found], dtype=np.float32).reshape(count, 2)
        scale = np.array([e["scale"] for e in found], dtype=np.float32).reshape(count, 1) * 200
        center[:, 1:] += np.where(center[:, :1] != -1, 15.0 / 200.0 * scale, 0)
        corner = center - 1 - 0.5 * scale
        boxes = np.hstack([corner, corner + scale])
        shape = (count, self._joints, 2)
        joints = float_array([e["joints"] for e in found], shape)
        visible = np.array([e["joints_vis"] for e in found], dtype=float).reshape(shape[:2])
        no_box = (boxes[:, 2:] <= boxes[:, :2]).any(axis=1)
        nowhere = joints.max(axis=(1, 2)) <= 0
        people = People(
            keys=self._keys,
            places=[f"person {k} ({i.name})" for k, i in zip(self._keys, self._on, strict=True)],
            images=self._on,
            boxes=boxes,
            joints=joints,
            visible=visible,
            left_out=(no_box | nowhere) & self._top_down,
            ignored=np.zeros(count, dtype=bool),
        )
        if self._top_down:
            seen = (visible > 0).any(axis=1)
            people.report(
                self._audit,
                "person-no-box",
                no_box & seen,
                lambda i: f"scale {found[i]['scale']:g}",
            )
            people.report(
                self._audit,
                "person-dropped",
                nowhere & ~no_box & seen,
                lambda i: "no joint has a coordinate above 0",
            )
        return people


def _number(name: object) -> int | None:
    """Return what MMPose takes for the number of an image."""
    try:
        return int(name.split(".")[0]) if is_file_name(name) else None
    except ValueError:
        return None


def _is_joint(joint: object) -> bool:
    """Whether a joint has two coordinates, which may be null or NaN where it is not visible."""
    if not isinstance(joint, list) or len(joint) != 2:
        return False
    return all(type(v) in _NUMBERS and (type(v) is not int or is_number(v)) for v in joint)


def _check_head_boxes(audit: SetAudit, problems: FileProblems, people: list) -> None:
    """Check the boxes by whose diagonals PCKh divides."""
    file = problems.file
    problems.file = audit.dataset.headbox_file
    try:
        boxes = loadmat(problems.file)["headboxes_src"]
    except Exception as error:  # whatever a file that is not of MATLAB makes scipy stumble over
        problems.add("unreadable", "", f"it is no file of MATLAB with headboxes_src: {error!r}")
    else:
        if boxes.shape != (2, 2, len(people)):
            value = f"headboxes_src has the shape {boxes.shape}, {file} has {len(people)} people"
            problems.add("head-boxes", "", f"{value}; expected (2, 2, {len(people)})")
        else:
            sizes = np.linalg.norm(boxes[1].astype(float) - boxes[0], axis=0)
            for number in np.flatnonzero(~(sizes > 0) | ~np.isfinite(sizes)).tolist():
                problems.add("head-boxes", f"person {number}", "has a head box without a size")
    problems.file = file
