"""People as an annotation file states them, compared with those that a data set hands out."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from .file_problems import FileProblems, load_unless
from .report import EXAMPLES, Finding
from .stated import SetAudit, StatedImage, StatedObject, if_stock

#: A visible joint may be this share of the image's size away from it before that is odd.
_MARGIN = 0.5
#: Pixels that a box has at least, if it is one.
_LEAST = 4


@dataclass
class People:
    """Everybody in a file whose entry can be read.

    Attributes:
        keys: The data set's ``id`` of each.
        places: How messages call them, such as ``annotation 17``.
        images: The image that each is on.
        boxes: Left, top, right, bottom, as they are handed out. (N, 4)
        joints: (N, K, 2)
        visible: Above 0 for visible joints. (N, K)
        left_out: Whether the data set should leave them out. (N,)
        ignored: Whether the file says so itself (crowds). (N,)
    """

    keys: list[Hashable]
    places: list[str]
    images: list[StatedImage]
    boxes: np.ndarray
    joints: np.ndarray
    visible: np.ndarray
    left_out: np.ndarray
    ignored: np.ndarray

    def add_to_images(self) -> None:
        """Make everybody an object of their image."""
        flags = zip(self.left_out.tolist(), self.ignored.tolist(), strict=True)
        boxes = self.boxes.tolist()
        for place, image, box, (left_out, ignored) in zip(
            self.places, self.images, boxes, flags, strict=True
        ):
            image.needed |= not left_out
            reason = "person-dropped" if left_out else None
            image.objects.append(StatedObject(place, "person", tuple(box), reason, ignored))

    def report(
        self, audit: SetAudit, kind: str, which: np.ndarray, value: Callable[[int], str]
    ) -> None:
        """Report people.

        Args:
            audit: The audit of the data set.
            kind: The kind of the finding.
            which: Whom. (N,)
            value: Says of a person, given the place here, what is wrong.
        """
        found = np.flatnonzero(which)
        if len(found):
            examples = [
                Finding(kind, self.images[i].file, self.places[i], value(i))
                for i in found[:EXAMPLES]
            ]
            audit.report.merge(audit.name, kind, len(found), examples)


def audit_people(
    audit: SetAudit,
    problems: FileProblems,
    images: list[StatedImage],
    people: People,
    levels: Sequence[int],
) -> tuple[list[dict], list[StatedImage]]:
    """Compare the people in a file, once they are read, with those that are handed out.

    Args:
        audit: The audit of the data set.
        problems: What loading would stumble over.
        images: The file's images, without their people.
        people: Everybody whose entry can be read.
        levels: The visibilities that the format knows.

    Returns:
        What the data set hands out, unfiltered, and the images with their people.
    """
    people.add_to_images()
    look_at_joints(audit, people, levels)
    # Without people top-down data sets have nothing to say anything of.
    needed = audit.scored or audit.dataset.data_mode == "topdown"
    if needed and not problems and people.left_out.all():
        value = f"none of {len(people.keys)} people can be used" if people.keys else "nobody"
        audit.add("nothing-stated", audit.source, "", value)
    infos = load_unless(audit, problems, images)
    if infos is None:
        return [], images
    compare_people(audit, people, infos)
    return infos, images


def look_at_joints(audit: SetAudit, people: People, levels: Sequence[int]) -> None:
    """Report joints that would turn losses into NaN, and what is odd about joints.

    Args:
        audit: The audit of the data set.
        people: Everybody.
        levels: The visibilities that the format knows.
    """
    wanted = ~people.ignored
    visible = people.visible > 0
    names = audit.dataset.metainfo.get("keypoint_id2name", {})

    def report(kind: str, which: np.ndarray) -> None:
        """Report those of whom a joint is among ``which``, of shape (N, K)."""

        def say(index: int) -> str:
            joint = int(np.argmax(which[index]))
            x, y = people.joints[index, joint].tolist()
            level = people.visible[index, joint]
            return f"{names.get(joint, joint)} at ({x:g}, {y:g}), visibility {level:g}"

        people.report(audit, kind, which.any(axis=1) & wanted, say)

    finite = np.isfinite(people.joints).all(axis=2)
    report("joint-not-finite", visible & ~finite)
    report("visibility-odd", ~np.isin(people.visible, levels))
    _find_twice(audit, people)
    nobody = ~visible.any(axis=1) & wanted
    people.report(audit, "no-joints", nobody, lambda i: f"on {people.images[i].name}")
    if nobody.size and all(image.size is not None for image in people.images):
        size = np.array([image.size for image in people.images], dtype=float)[:, None]
        far = (people.joints < -_MARGIN * size) | (people.joints > (1 + _MARGIN) * size)
        far = far.any(axis=2)
        used = visible & finite & ~people.left_out[:, None]
        report("joint-outside", used & far)
        shares = _in_shares(people, used)
        people.report(audit, "joints-shares", shares, lambda i: _first_joints(people, i))
        report("joint-off-box", used & ~far & ~shares[:, None] & _off_box(people))


def _in_shares(people: People, used: np.ndarray) -> np.ndarray:
    """Whether the joints of each person are in shares of the image, as its box is not.

    One person in the corner of an image says nothing; most of a file do.

    Args:
        people: Everybody.
        used: Which joints count. (N, K)

    Returns:
        One value a person. (N,)
    """
    shown = used.any(axis=1)
    where = np.where(used[..., None], people.joints, 0)
    inside = ((where >= 0) & (where <= 1)).all(axis=(1, 2))
    parts = (where != np.floor(where)).any(axis=(1, 2))
    shares = shown & inside & parts & (people.boxes[:, 2:] > 2).any(axis=1)
    return shares if 2 * shares.sum() > shown.sum() else np.zeros_like(shares)


def _first_joints(people: People, index: int) -> str:
    first = np.flatnonzero(people.visible[index] > 0)[:3]
    places = ", ".join(f"({x:g}, {y:g})" for x, y in people.joints[index, first].tolist())
    box = ", ".join(f"{v:g}" for v in people.boxes[index].tolist())
    return f"joints at {places}, box [{box}]"


def _off_box(people: People) -> np.ndarray:
    """Whether joints are further from their person's box than its longer side, as (N, K)."""
    corners = people.boxes.reshape(-1, 2, 2)
    length = (corners[:, 1] - corners[:, 0]).max(axis=1)[:, None, None]
    low, high = corners[:, :1] - length, corners[:, 1:] + length
    off = ((people.joints < low) | (people.joints > high)).any(axis=2)
    return off & (length[..., 0] >= _LEAST)  # others are no boxes in pixels


def _find_twice(audit: SetAudit, people: People) -> None:
    """Report people of the same box and joints as one before them, unless they are ignored."""
    first: dict[tuple, int] = {}
    others: dict[int, int] = {}
    used = (people.visible > 0).any(axis=1) & ~people.left_out & ~people.ignored
    for i in np.flatnonzero(used).tolist():
        joints = people.joints[i].tobytes(), (people.visible[i] > 0).tobytes()
        other = first.setdefault((people.images[i].key, people.boxes[i].tobytes(), *joints), i)
        if other != i:
            others[i] = other
    twice = np.isin(np.arange(len(used)), list(others))
    people.report(
        audit,
        "person-twice",
        twice,
        lambda i: f"on {people.images[i].name}, as {people.places[others[i]]}",
    )


def compare_people(audit: SetAudit, people: People, infos: Sequence[dict]) -> None:
    """Explain every difference between the people in a file and those that are handed out."""
    kept = np.flatnonzero(~people.left_out)
    stated = {people.keys[i]: i for i in kept.tolist()}
    ids, boxes, joints = _handed_out(infos)
    for key in (key for key in ids if key not in stated):
        kind = if_stock(audit, "object-changed")
        audit.add(kind, audit.source, "", f"a person with the id {key!r}")
    lost = np.zeros(len(people.keys), dtype=bool)
    given_ids = set(ids)
    lost[[i for key, i in stated.items() if key not in given_ids]] = True
    kind = if_stock(audit, "object-lost")
    people.report(audit, kind, lost, lambda i: f"on {people.images[i].name}")
    both = [(place, stated[key]) for place, key in enumerate(ids) if key in stated]
    if not both:
        return
    given, expected = map(list, zip(*both, strict=True))
    changed = np.zeros(len(people.keys), dtype=bool)
    changed[expected] = ~np.isclose(boxes[given], people.boxes[expected], atol=1e-3).all(axis=1)
    if joints is None or joints.shape[1:] != people.joints.shape[1:]:
        changed[expected] = True
    else:
        same = np.isclose(joints[given], people.joints[expected], atol=1e-3, equal_nan=True)
        changed[expected] |= ~same.all(axis=(1, 2))
    kind = if_stock(audit, "object-changed")
    people.report(audit, kind, changed, lambda i: f"on {people.images[i].name}")


def _handed_out(
    infos: Sequence[dict],
) -> tuple[list[Hashable], np.ndarray, np.ndarray | None]:
    """Return ids, boxes and joints (None where people differ in their number) of everybody.

    An info holds a person (top-down) or all people of an image (bottom-up).
    """
    ids: list[Hashable] = []
    for info in infos:
        ids += info["id"] if isinstance(info["id"], list) else [info["id"]]
    full = [info for info in infos if "keypoints" in info]
    if not full:
        return ids, np.zeros((0, 4)), np.zeros((0, 0, 2))
    boxes = np.concatenate([info["bbox"] for info in full])
    shapes = {np.shape(info["keypoints"])[1:] for info in full}
    joints = np.concatenate([info["keypoints"] for info in full]) if len(shapes) == 1 else None
    return ids, boxes, joints


def check_handed_out(audit: SetAudit, infos: Sequence[dict]) -> None:
    """Check people by themselves, where their file is of a format that the audit does not know."""
    count = audit.dataset.metainfo.get("num_keypoints")
    for info in infos:
        place = f"person {info.get('id')!r} ({info.get('img_path')})"
        if "keypoints" in info:
            joints, visible = info["keypoints"], info["keypoints_visible"]
            if {joints.shape[1], visible.shape[1]} != {count}:
                value = joints_value(audit, joints.shape[1], visible.shape[1])
                audit.add("joints-count", audit.source, place, value)
            elif not np.isfinite(joints[visible > 0]).all():
                audit.add("joint-not-finite", audit.source, place)
        if not np.isfinite(info.get("bbox", 0)).all():
            audit.add("value-wrong", audit.source, place, "the box is not finite")


def joints_value(audit: SetAudit, joints: object, visible: object) -> str:
    """Say of a person how many joints there are, and how many there should be."""
    metainfo = audit.dataset.metainfo
    name = metainfo.get("dataset_name", type(audit.dataset).__name__)
    wanted = metainfo.get("num_keypoints")
    found = f"{joints} joints" if joints == visible else f"{joints} joints, {visible} visibilities"
    return f"has {found}; the skeleton of {name} has {wanted}"


def float_array(rows: list[list], shape: tuple[int, ...]) -> np.ndarray:
    """Return rows of numbers, of which some may be null, as MMPose does."""
    with np.errstate(over="ignore"):
        return np.array(rows, dtype=np.float32).reshape(shape)
