"""What annotators draw, whatever tool they use."""

from dataclasses import dataclass

#: The kinds of labels that there are.
KINDS = ("boxes", "keypoints", "classes")


@dataclass(frozen=True)
class LabelSchema:
    """What there is to be labelled in an image.

    Attributes:
        kind: ``boxes``, ``keypoints`` (of people or things that have a box, too) or ``classes``
            (one of the whole image).
        classes: Names of the classes, in the order of the model's.
        keypoints: Names of the K joints, in the order of the model's; of keypoints only.
        skeleton: Pairs of places in ``keypoints`` that a tool draws a line between.

    Raises:
        ValueError: If there is no such kind, no class, a name twice, or keypoints are missing.
    """

    kind: str
    classes: tuple[str, ...]
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}. Got {self.kind!r} instead.")
        if not self.classes:
            raise ValueError("The data set of the config names no classes (metainfo.classes).")
        for names in (self.classes, self.keypoints):
            if len(set(names)) != len(names):
                raise ValueError(f"Names of classes or keypoints must differ. Got {names} instead.")
        if (self.kind == "keypoints") != bool(self.keypoints):
            raise ValueError(f"Labels of the kind {self.kind!r} have keypoints {self.keypoints}.")


@dataclass(frozen=True)
class ObjectLabel:
    """A thing or a person in an image.

    Attributes:
        name: Its class.
        box: Left, top, right and bottom edge in pixels of the image as it is shown, that is after
            EXIF turned it; the left edge of the first pixel is 0. None if only joints were drawn.
        keypoints: x, y and visibility of each joint in the order of the schema: 0 not labelled, 1
            hidden, 2 visible, as in COCO. Empty if there are none.
        ignored: Whether it is not to be learnt (VOC's difficult, COCO's crowd).
        score: The confidence of a model that proposed it, in 0..1; None of a person's label.
    """

    name: str
    box: tuple[float, float, float, float] | None = None
    keypoints: tuple[tuple[float, float, int], ...] = ()
    ignored: bool = False
    score: float | None = None


@dataclass(frozen=True)
class ImageLabels:
    """The labels of one image, or a model's proposals for them.

    Attributes:
        name: The image's file name as the tool has it: relative, with forward slashes.
        size: Width and height in pixels, if they are known.
        objects: What is in it.
        image_class: The class of the whole image, of the kind ``classes``.
        finished: Whether an annotator is through with it; None where a format cannot say, as where
            an image without objects may be one that nobody has looked at.
        skipped: Whether an annotator refused it.
        priority: What to label first has the largest; the predicted loss.
        model: What proposed the labels; None if a person drew them.
        score: The confidence of a proposed ``image_class``, in 0..1.
    """

    name: str
    size: tuple[int, int] | None = None
    objects: tuple[ObjectLabel, ...] = ()
    image_class: str | None = None
    finished: bool | None = None
    skipped: bool = False
    priority: float | None = None
    model: str | None = None
    score: float | None = None
