"""Labels to be written and read, drawn by hypothesis or by hand."""

from hypothesis import strategies as st

from mmal.structures import ImageLabels, LabelSchema, ObjectLabel

BOXES = LabelSchema("boxes", ("cat", "dog & <co> \"é\" '猫'"))
POSES = LabelSchema(
    "keypoints", ("person", "Büste"), ("nose", "left eye", "auge #2"), ((0, 1), (1, 2))
)
CLASSES = LabelSchema("classes", ("cat", "dog", "50% off"))
SCHEMAS = {schema.kind: schema for schema in (BOXES, POSES, CLASSES)}

#: Names that a tool's format, its addresses or its XML could spoil.
AWKWARD = (
    *("a b.jpg", "it's.png", 'say "hi".jpg', "猫/é.JPG", "50%25.jpg", "a#1.jpg", "a?b=c&d.jpg"),
    *("a+b.jpg", "deep/er/x.jpeg", "x.y.z.jpg", " blank.jpg", "no_suffix", "<i>&amp;.png"),
    *(
        ".hidden.jpg",
        "train.jpg",
        "upload/1/0a1b2c3d-x.jpg",
        "labels/x.jpg",
        "Annotations/x.jpg",
        "s3.jpg",
    ),
)

_letters = st.characters(
    codec="utf-8", exclude_categories=("C", "Zl", "Zp"), exclude_characters="/\\"
)
_part = st.text(_letters, min_size=1, max_size=8).filter(
    lambda text: text.strip(" .") == text != ""
)


def names() -> st.SearchStrategy[str]:
    """Draw names of images."""
    drawn = st.lists(_part, min_size=1, max_size=3).map(lambda parts: "/".join(parts) + ".jpg")
    return st.one_of(st.sampled_from(AWKWARD), drawn)


def _coordinates(limit: int) -> st.SearchStrategy[float]:
    exact = st.integers(0, limit)
    return st.one_of(exact.map(float), exact.map(lambda v: v / 7), st.floats(-5, limit + 5))


@st.composite
def objects(
    draw: st.DrawFn, schema: LabelSchema, size: tuple[int, int], **has: bool
) -> ObjectLabel:
    """Draw an object, which may be ``ignored`` or ``boxless`` and is ``scored`` if that is said."""
    xs = sorted(draw(st.tuples(_coordinates(size[0]), _coordinates(size[0]))))
    ys = sorted(draw(st.tuples(_coordinates(size[1]), _coordinates(size[1]))))
    box = (xs[0], ys[0], xs[1], ys[1])
    joints = ()
    if schema.keypoints and draw(st.booleans()):
        joint = st.tuples(
            _coordinates(size[0]), _coordinates(size[1]), st.sampled_from((0, 1, 2))
        ).map(lambda joint: joint if joint[2] else (0.0, 0.0, 0))
        count = len(schema.keypoints)
        joints = tuple(draw(st.lists(joint, min_size=count, max_size=count)))
        if not any(visible for _, _, visible in joints):
            joints = ()
    if joints and has.get("boxless") and draw(st.booleans()):
        box = None
    ignored = has.get("ignored", False) and draw(st.booleans())
    score = draw(st.floats(0, 1)) if has.get("scored") else None
    return ObjectLabel(draw(st.sampled_from(schema.classes)), box, joints, ignored, score)


@st.composite
def image_lists(draw: st.DrawFn, schema: LabelSchema, **has: bool) -> list[ImageLabels]:
    """Draw labels of images that a person has labelled."""
    found = []
    stems = set()
    for name in draw(st.lists(names(), max_size=4)):
        # Where a name is a folder's, too, there is no place for both.
        if (stem := name.rpartition(".")[0] or name) in stems:
            continue
        stems.add(stem)
        size = (draw(st.integers(1, 4000)), draw(st.integers(1, 4000)))
        if schema.kind == "classes":
            labels = dict(image_class=draw(st.sampled_from(schema.classes)))
        else:
            labels = dict(objects=tuple(draw(st.lists(objects(schema, size, **has), max_size=4))))
        priority = draw(st.one_of(st.none(), st.floats(-10, 10)))
        found.append(ImageLabels(name, size, finished=True, priority=priority, **labels))
    return found
