"""Tests of what is drawn over pictures, and of its words."""

from PIL import Image

from mmal.structures import ImageLabels, ObjectLabel
from mmal.visualization.report import ReportImage
from mmal.visualization.report.overlay import described, overlay, part_of, shown_objects
from mmal.visualization.thumbnails import Thumbnail

PERSON = ObjectLabel("person", (10.0, 20.0, 30.0, 60.0), ((15.0, 25.0, 2), (20.0, 50.0, 1)))


def boxes(*scores: float) -> ImageLabels:
    things = (ObjectLabel("dog", (10.0, 20.0, 30.0, 60.0), score=score) for score in scores)
    return ImageLabels("a.jpg", objects=tuple(things))


def test_sure_boxes_are_shown_and_others_only_in_their_place():
    things, sure = shown_objects(boxes(0.9, 0.3, 0.29))
    assert ([thing.score for thing in things], sure) == ([0.9, 0.3], True)
    things, sure = shown_objects(boxes(0.2, 0.1, 0.1, 0.1))
    assert ([thing.score for thing in things], sure) == ([0.2, 0.1, 0.1], False)
    assert shown_objects(boxes()) == ([], False)
    assert len(shown_objects(boxes(*[0.5] * 20))[0]) == 12


def test_words():
    assert described([boxes(0.9, 0.3, 0.1)]) == "dog 0.90, dog 0.30"
    assert described([boxes(0.2, 0.1)]) == "nothing of 0.3 or more; at best dog 0.20, dog 0.10"
    assert described([boxes(*[0.5] * 7)]) == "dog 0.50, " * 5 + "2 more"
    assert described([boxes()]) == "nothing"
    assert described([ImageLabels("a", image_class="cat", score=0.75)]) == "cat 0.75"
    assert described([ImageLabels("a", objects=(PERSON,))]) == "1 of 2 joints with confidence"


def test_marks_are_in_units_of_240_a_side():
    """An image of 200 x 100 pixels as a picture of 50 x 25: 1.2 units a pixel."""
    small = Thumbnail(Image.new("RGB", (50, 25)), 0.25, (0, 0))
    found = overlay([boxes(0.9)], (), small, dict(dog="#123456"))

    assert (found.width, found.height) == (240, 120)
    (mark,) = found.marks
    assert (mark.x, mark.y, mark.width) == (12, 24, 24)
    assert mark.height == 48
    assert (mark.color, mark.text, mark.sure, mark.text_y) == ("#123456", "dog 0.90", True, 21)
    assert mark.ink == "white"  # on a dark colour


def test_joints_and_what_links_them():
    small = Thumbnail(Image.new("RGB", (240, 240)), 1, (10, 20))
    found = overlay([ImageLabels("a", objects=(PERSON,))], [(0, 1), (1, 7)], small, {})

    assert found.joints == ((5, 5, True), (10, 30, False))
    assert found.links == ((5, 5, 10, 30),)  # a joint that is not there has no link
    assert found.marks == ()


def test_of_people_their_surroundings_are_shown():
    people = (ImageLabels("a", objects=(PERSON,)),)
    # 0.35 of the longer side, 40, are 14 pixels.
    assert part_of(ReportImage("a", labels=people, zoom=True)) == (-4, 6, 44, 74)
    assert part_of(ReportImage("a", labels=people)) is None
    assert part_of(ReportImage("a", zoom=True)) is None
