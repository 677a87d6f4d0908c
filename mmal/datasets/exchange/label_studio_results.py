"""Regions of Label Studio: what is drawn on one image, in percent of its size."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from mmal.structures import ImageLabels, LabelSchema, ObjectLabel

from .label_studio_config import BOX, BOX_STATE, CLASS, HIDDEN, IGNORED, IMAGE, JOINT, JOINT_STATE
from .problems import Problems, class_problem, joint_problem, show
from .values import box_around, is_number

#: Regions that say nothing that is read here.
_PASSED_OVER = ("relation", "textarea", "number", "rating", "taxonomy", "datetime", "pairwise")
#: Size of a keypoint on the screen, in percent of the image's width.
_POINT = 0.5


def results(image: ImageLabels, schema: LabelSchema) -> list[dict]:
    """Return an image's labels as Label Studio's regions; joints name their box as ``parentID``."""
    if image.image_class is not None:
        choice = {"choices": [image.image_class]}
        return [_result("class", CLASS, "choices", choice)]
    found = []
    for number, item in enumerate(image.objects, 1):
        found += _object_results(f"b{number}", item, image.size, schema)
    return found


def _result(region: str, control: str, kind: str, value: dict, **further: object) -> dict:
    return {
        "id": region,
        "from_name": control,
        "to_name": IMAGE,
        "type": kind,
        "value": value,
        **further,
    }


def _object_results(
    region: str, item: ObjectLabel, size: tuple[int, int], schema: LabelSchema
) -> Iterator[dict]:
    width, height = map(int, size)
    frame = {"original_width": width, "original_height": height, "image_rotation": 0}
    left, top, right, bottom = map(float, item.box)
    place = {
        "x": 100 * left / width,
        "y": 100 * top / height,
        "width": 100 * (right - left) / width,
        "height": 100 * (bottom - top) / height,
        "rotation": 0,
    }
    sure = {} if item.score is None else {"score": float(item.score)}
    value = {**place, "rectanglelabels": [item.name]}
    yield _result(region, BOX, "rectanglelabels", value, **frame, **sure)
    if item.ignored:
        value = {**place, "choices": [IGNORED]}
        yield _result(region, BOX_STATE, "choices", value, **frame)
    joints = zip(schema.keypoints, item.keypoints, strict=True) if item.keypoints else ()
    for number, (name, (x, y, visible)) in enumerate(joints, 1):
        if not visible:
            continue
        place = {"x": 100 * float(x) / width, "y": 100 * float(y) / height, "width": _POINT}
        joint = f"{region}j{number}"
        value = {**place, "keypointlabels": [name]}
        yield _result(joint, JOINT, "keypointlabels", value, parentID=region, **frame)
        if visible == 1:
            value = {**place, "choices": [HIDDEN]}
            yield _result(joint, JOINT_STATE, "choices", value, parentID=region, **frame)


class ResultReader:
    """Reads the regions of one image.

    Args:
        problems: Where what is wrong goes.
        image: What messages call the image.
        schema: What there is to be labelled.

    Attributes:
        size: Width and height in pixels, once a region has stated them.
        image_class: The class that has been chosen for the image.
    """

    def __init__(self, problems: Problems, image: str, schema: LabelSchema) -> None:
        self.problems = problems
        self.image = image
        self.schema = schema
        self.size: tuple[int, int] | None = None
        self.image_class: str | None = None
        self._boxes: dict[str, ObjectLabel] = {}
        #: Region, box that it names if it does, name, x, y.
        self._joints: list[tuple[str, object, str, float, float]] = []
        self._states: dict[str, set[str]] = {}

    def read(self, entries: object) -> tuple[ObjectLabel, ...]:
        """Read the regions, and return the objects that they make up."""
        if not isinstance(entries, list):
            self._note("", f"result is {show(entries)}; expected a list")
            return ()
        for number, entry in enumerate(entries, 1):
            place = f"region {number}"
            # A relation has no value.
            if isinstance(entry, dict) and str(entry.get("type")).lower() in _PASSED_OVER:
                continue
            if not isinstance(entry, dict) or not isinstance(entry.get("value"), dict):
                self._note(place, f"it is {show(entry)}; expected an object with a value")
            else:
                self._region(place, str(entry.get("id", place)), entry, entry["value"])
        return self._assembled()

    def _note(self, place: str, problem: str) -> None:
        self.problems.add(", ".join(filter(None, (self.image, place))), problem)

    def _region(self, place: str, region: str, entry: dict, value: dict) -> None:
        kind = str(entry.get("type", "")).lower()
        if kind == "choices":
            self._choices(place, region, entry, value)
        elif self.schema.kind == "classes":
            return  # regions may well be drawn where only the class counts
        elif kind in ("rectanglelabels", "labels") and "height" in value:
            self._box(place, region, entry, value, value.get(kind))
        elif kind == "keypointlabels" and self.schema.keypoints:
            self._joint(place, region, entry, value)
        elif kind in ("rectangle", "keypoint"):
            pass  # the region without its label, which comes as one more entry
        else:
            expected = "rectanglelabels" + " or keypointlabels" * bool(self.schema.keypoints)
            self._note(place, f"its type is {show(kind)}; expected {expected}. Delete or redraw it")

    def _choices(self, place: str, region: str, entry: dict, value: dict) -> None:
        chosen = value.get("choices")
        if not isinstance(chosen, list):
            self._note(place, f"choices is {show(chosen)}; expected a list")
        elif self.schema.kind != "classes":
            self._states.setdefault(region, set()).update(map(str, chosen))
        elif entry.get("from_name") == CLASS or "x" not in value:
            self._class(place, chosen)

    def _class(self, place: str, chosen: list) -> None:
        if len(chosen) != 1 or self.image_class not in (None, chosen[0]):
            found = [*filter(None, (self.image_class,)), *chosen]
            self._note(place, f"the classes {show(found)} are chosen; expected one")
        elif problem := class_problem(chosen[0], self.schema):
            self._note(place, problem)
        else:
            self.image_class = chosen[0]

    def _box(self, place: str, region: str, entry: dict, value: dict, labels: object) -> None:
        name = self._label(place, labels)
        numbers = self._pixels(place, entry, value, ("x", "y", "width", "height"))
        if name is None or numbers is None:
            return
        if problem := class_problem(name, self.schema):
            self._note(place, problem)
            return
        turned = value.get("rotation", 0)
        score = entry.get("score")
        for key, number in (("rotation", turned), ("score", score)):
            if number is not None and not is_number(number):
                self._note(place, f"{key} is {show(number)}; expected a number")
                return
        # Label Studio turns a box around its upper left corner.
        box = box_around(*numbers, turned or 0, numbers[:2])
        if region in self._boxes:
            self._note(place, f"the id {region!r} is there more than once")
        self._boxes[region] = ObjectLabel(name, box, score=score)

    def _joint(self, place: str, region: str, entry: dict, value: dict) -> None:
        name = self._label(place, value.get("keypointlabels"))
        numbers = self._pixels(place, entry, value, ("x", "y"))
        if name is None or numbers is None:
            return
        if problem := joint_problem(name, self.schema):
            self._note(place, problem)
            return
        self._joints.append((region, entry.get("parentID"), name, *numbers))

    def _label(self, place: str, labels: object) -> str | None:
        if isinstance(labels, list) and len(labels) == 1:
            return labels[0]
        self._note(place, f"its labels are {show(labels)}; expected one")
        return None

    def _pixels(
        self, place: str, entry: dict, value: dict, keys: tuple[str, ...]
    ) -> tuple[float, ...] | None:
        """Return coordinates that are given in percent; note what is wrong, and return None."""
        size = (entry.get("original_width"), entry.get("original_height"))
        if not all(is_number(edge) and edge > 0 for edge in size):
            problem = f"original_width and original_height are {show(size)}; expected pixels"
            self._note(place, problem)
            return None
        if entry.get("image_rotation"):
            turned = f"the image was turned by {show(entry['image_rotation'])} degrees when it was "
            self._note(place, f"{turned}drawn: turn it back and draw it again")
            return None
        for key in keys:
            if not is_number(value.get(key)):
                self._note(place, f"{key} is {show(value.get(key))}; expected a number of percent")
                return None
        self.size = (int(size[0]), int(size[1]))
        return tuple(value[key] / 100 * edge for key, edge in zip(keys, size * 2, strict=False))

    def _assembled(self) -> tuple[ObjectLabel, ...]:
        found = {
            region: replace(box, ignored=IGNORED in self._states.get(region, ()))
            for region, box in self._boxes.items()
        }
        joints: dict[str, dict[str, tuple[float, float, int]]] = {}
        # Joints that name their box come first: what they take is no longer free for the others.
        named = [joint for joint in self._joints if joint[1] in found]
        for region, parent, name, x, y in chain(
            named, (joint for joint in self._joints if joint[1] not in found)
        ):
            owner = parent if parent in found else self._owner(found, joints, name, x, y)
            if owner is None or name in joints.setdefault(owner, {}):
                why = "its box has one already" if owner else "it belongs to no box"
                problem = f"{why}: drag it onto its box in the list of regions"
                self._note(f"keypoint {name!r}", problem)
                continue
            visible = 1 if HIDDEN in self._states.get(region, ()) else 2
            joints[owner][name] = (x, y, visible)
        for owner, placed in joints.items():
            keypoints = tuple(placed.get(n, (0.0, 0.0, 0)) for n in self.schema.keypoints)
            item = found.get(owner, ObjectLabel(self.schema.classes[0]))
            found[owner] = replace(item, keypoints=keypoints)
        return tuple(found.values())

    def _owner(
        self, boxes: dict[str, ObjectLabel], joints: dict, name: str, x: float, y: float
    ) -> str | None:
        """Return the only thing that a joint without ``parentID`` can belong to."""
        if not boxes:
            return "" if len(self.schema.classes) == 1 else None
        around = [
            region
            for region, item in boxes.items()
            if item.box[0] <= x <= item.box[2]
            and item.box[1] <= y <= item.box[3]
            and name not in joints.get(region, {})
        ]
        return around[0] if len(around) == 1 else None
