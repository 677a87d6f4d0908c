"""What the numbers in YOLO's files stand for."""

import posixpath
from dataclasses import dataclass, field

import yaml

from .problems import Problems, show
from .source import Source

#: Files that name the classes, best first: Ultralytics', Label Studio's and LabelImg's, CVAT's.
CLASS_FILES = ("data.yaml", "data.yml", "dataset.yaml", "classes.txt", "obj.names")


@dataclass(frozen=True)
class YoloClasses:
    """Names of classes and joints.

    Attributes:
        file: Where they are from.
        names: The classes by their numbers.
        joints: The joints of a class by its number, where they are named.
    """

    file: str
    names: dict[int, object] = field(default_factory=dict)
    joints: dict[int, object] = field(default_factory=dict)

    @classmethod
    def read(cls, problems: Problems, source: Source, file: str) -> "YoloClasses":
        """Read one of :data:`CLASS_FILES`; note what is wrong with it."""
        try:
            text = source.read(file).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            problem = f"it is not in UTF-8 ({error.reason} at byte {error.start}): save it so"
            problems.add(file, problem)
            return cls(file)
        if posixpath.splitext(file)[1] in (".txt", ".names"):
            return cls(file, dict(enumerate(line for line in text.splitlines() if line.strip())))
        try:
            content = yaml.safe_load(text)
        except yaml.YAMLError as error:
            problems.add(file, f"it is no YAML: {' '.join(str(error).split())}")
            return cls(file)
        names = content.get("names") if isinstance(content, dict) else None
        if not isinstance(names, (list, dict)):
            problems.add(file, f"names is {show(names)}; expected the classes' names")
            return cls(file)
        joints = content.get("kpt_names")
        return cls(file, _numbered(names), joints if isinstance(joints, dict) else {})


def _numbered(names: list | dict) -> dict[int, object]:
    return dict(enumerate(names)) if isinstance(names, list) else names
