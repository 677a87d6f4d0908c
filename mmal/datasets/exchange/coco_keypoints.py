"""Keypoints as COCO lists them."""

from mmal.structures import LabelSchema

from .problems import Problems, joint_problem, show
from .values import is_number

Joints = tuple[tuple[float, float, int], ...]


def read_keypoints(
    problems: Problems, place: str, flat: object, names: object, schema: LabelSchema
) -> Joints | None:
    """Return joints in the order of the schema; note what is wrong, and return None.

    Args:
        problems: Where what is wrong goes.
        place: Where in the file.
        flat: x, y and visibility of each joint, one after the other.
        names: The joints' names in the order of the file; without them it is the schema's.
        schema: What there is to be labelled.
    """
    names = schema.keypoints if names is None else names
    if not isinstance(names, (list, tuple)):
        problems.add(place, f"its category's keypoints are {show(names)}; expected names")
        return None
    if unknown := [p for p in (joint_problem(name, schema) for name in names) if p]:
        problems.add(place, unknown[0])
        return None
    if not isinstance(flat, list) or len(flat) != 3 * len(names):
        count = len(flat) if isinstance(flat, list) else show(flat)
        expected = f"{3 * len(names)}: x, y, visibility of {len(names)} keypoints"
        problems.add(place, f"keypoints has {count} numbers; expected {expected}")
        return None
    triples = list(zip(flat[::3], flat[1::3], flat[2::3], strict=True))
    for x, y, visible in triples:
        if not (is_number(x) and is_number(y) and visible in (0, 1, 2)):
            expected = "finite x and y, and visibility 0, 1 or 2"
            problems.add(place, f"a keypoint is {show((x, y, visible))}; expected {expected}")
            return None
    by_name = {n: (float(x), float(y), int(v)) for n, (x, y, v) in zip(names, triples, strict=True)}
    return tuple(by_name.get(name, (0.0, 0.0, 0)) for name in schema.keypoints)
