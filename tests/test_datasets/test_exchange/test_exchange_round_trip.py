"""What is written is read: every format, every kind of labels that it carries."""

import os
import tempfile
import zipfile
from pathlib import Path

import pytest
from exchanged_labels import AWKWARD, SCHEMAS, image_lists
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmal.datasets.exchange import FORMATS, read_labels, recognise
from mmal.structures import ImageLabels, ObjectLabel

many = settings(
    max_examples=int(os.environ.get("MMAL_PROPERTY_EXAMPLES", 25)),
    derandomize="MMAL_PROPERTY_EXAMPLES" not in os.environ,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
CASES = [(name, kind) for name, exchange in FORMATS.items() for kind in exchange.kinds]
#: How far coordinates may be from what was written, in pixels.
TOLERANCE = {"coco": 1e-3, "cvat": 1e-3, "label_studio": 1e-3, "voc": 1e-3, "yolo": 1e-2}
TOLERANCE["voc1"] = TOLERANCE["voc"]
#: What a format can carry beside boxes and joints.
HAS = {
    "coco": dict(ignored=True, boxless=True),
    "cvat": dict(ignored=True, boxless=True),
    "label_studio": dict(ignored=True),
    "voc": dict(ignored=True),
    "yolo": {},
    "voc1": dict(ignored=True),
}
#: Formats of which no file says that an annotator is through with an image.
SILENT = ("coco", "voc", "voc1", "yolo")


def assert_same_objects(found: ImageLabels, written: ImageLabels, tolerance: float) -> None:
    """Compare the objects of an image, in order."""
    assert len(found.objects) == len(written.objects)
    for got, want in zip(found.objects, written.objects, strict=True):
        assert (got.name, got.ignored) == (want.name, want.ignored)
        assert (got.box is None) == (want.box is None)
        if want.box is not None:
            assert got.box == pytest.approx(want.box, abs=tolerance)
        # A person of whom no joint is labelled and one without joints are the same.
        joints = [j for j in got.keypoints if any(v for _, _, v in got.keypoints)]
        assert [v for _, _, v in joints] == [v for _, _, v in want.keypoints]
        for (x, y, _), (wx, wy, _) in zip(joints, want.keypoints, strict=True):
            assert (x, y) == pytest.approx((wx, wy), abs=tolerance)


@pytest.mark.parametrize(("name", "kind"), CASES)
@many
@given(data=st.data(), zipped=st.booleans())
def test_labels_survive(name, kind, data, zipped):
    schema = SCHEMAS[kind]
    images = data.draw(image_lists(schema, **HAS[name]))
    sizes = {image.name: image.size for image in images}
    with tempfile.TemporaryDirectory() as folder:
        target = path = Path(folder, "out")
        files = FORMATS[name].write(images, schema, target)
        assert all(file.is_file() and file.is_relative_to(target) for file in files)
        if zipped:
            path = Path(folder, "out.zip")
            with zipfile.ZipFile(path, "w") as archive:
                for file in files:
                    archive.write(file, file.relative_to(target))
        if images or not name.startswith("voc"):
            told = name if name == "voc1" else None  # the one that is never guessed
            found = read_labels(path, schema, told, sizes=sizes)
            assert recognise(path) == name.removesuffix("1")
        else:
            found = []

    by_name = {image.name: image for image in found}
    assert set(by_name) == set(sizes)
    for image in images:
        got = by_name[image.name]
        assert_same_objects(got, image, TOLERANCE[name])
        assert got.image_class == image.image_class
        if image.objects or image.image_class:
            assert got.finished or name in SILENT


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_awkward_names_survive(name, kind, tmp_path):
    schema = SCHEMAS[kind]
    labels = (
        dict(image_class="cat")
        if kind == "classes"
        else dict(objects=(ObjectLabel(schema.classes[0], (1, 2, 3, 4)),))
    )
    images = [ImageLabels(n, (8, 9), finished=True, **labels) for n in AWKWARD]
    FORMATS[name].write(images, schema, tmp_path)

    found = FORMATS[name].read(tmp_path, schema, {n: (8, 9) for n in AWKWARD})
    assert sorted(image.name for image in found) == sorted(AWKWARD)
