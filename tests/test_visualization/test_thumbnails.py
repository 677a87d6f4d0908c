"""Tests of small pictures, of images whose pixels are known."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmal.visualization.thumbnails import NoPictureError, thumbnail


def halves(width: int, height: int) -> np.ndarray:
    """Red on the left, blue on the right."""
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[:, : width // 2, 0] = 255
    image[:, width // 2 :, 2] = 255
    return image


def test_the_longer_side_is_cut_down_and_places_with_it(tmp_path: Path):
    Image.fromarray(halves(600, 300)).save(tmp_path / "a.png")
    small = thumbnail(str(tmp_path / "a.png"), 240)

    assert small.image.size == (240, 120)
    np.testing.assert_allclose(
        small.place([[0, 0], [600, 300], [300, 15]]), [[0, 0], [240, 120], [120, 6]]
    )


def test_small_images_stay_as_they_are(tmp_path: Path):
    Image.fromarray(halves(30, 20)).save(tmp_path / "a.png")
    small = thumbnail(str(tmp_path / "a.png"))
    assert (small.image.size, small.scale, small.origin) == ((30, 20), 1, (0, 0))


def test_large_jpegs_that_are_decoded_small_have_the_same_places(tmp_path: Path):
    Image.fromarray(halves(2000, 1000)).save(tmp_path / "a.jpg")
    small = thumbnail(str(tmp_path / "a.jpg"), 200)

    assert small.image.size == (200, 100)
    np.testing.assert_allclose(small.place([[2000, 1000]]), [[200, 100]], atol=0.01)
    red, blue = np.asarray(small.image)[50, [50, 150]].argmax(axis=1)
    assert (red, blue) == (0, 2)


def test_exif_turns_the_image(tmp_path: Path):
    """Orientation 6: the camera was turned, so what is on the left belongs on top."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(halves(400, 200)).save(tmp_path / "a.jpg", exif=exif)
    small = thumbnail(str(tmp_path / "a.jpg"), 100)

    assert small.image.size == (50, 100)
    assert np.asarray(small.image)[[10, 90], 25].argmax(axis=1).tolist() == [0, 2]
    np.testing.assert_allclose(small.place([[200, 400]]), [[50, 100]], atol=0.01)


def test_a_part_of_an_image(tmp_path: Path):
    Image.fromarray(halves(400, 200)).save(tmp_path / "a.png")
    small = thumbnail(str(tmp_path / "a.png"), 50, (150.4, -20, 249, 90))

    assert small.origin == (150, 0)
    assert small.image.size == (50, 46)  # of 100 x 91 pixels
    np.testing.assert_allclose(small.place([[200, 45.5]]), [[25, 22.75]])


def test_a_part_outside_is_the_whole(tmp_path: Path):
    Image.fromarray(halves(40, 20)).save(tmp_path / "a.png")
    assert thumbnail(str(tmp_path / "a.png"), 50, (100, 100, 200, 200)).image.size == (40, 20)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "I;16", "LA", "1"])
def test_every_kind_of_image_becomes_rgb(tmp_path: Path, mode: str):
    if mode == "I;16":
        values = np.linspace(1000, 3000, 200, dtype=np.uint16).reshape(10, 20)
        image = Image.fromarray(values)
    else:
        image = (
            Image.fromarray(halves(20, 10)).convert("L" if mode == "LA" else "RGB").convert(mode)
        )
    path = tmp_path / f"a.{'jpg' if mode == 'CMYK' else 'png'}"
    image.save(path)
    small = thumbnail(str(path))
    assert small.image.mode == "RGB"
    if mode == "I;16":  # 12 bits in 16 are not all black
        assert np.asarray(small.image).max() == 255


def test_the_address_holds_a_jpeg(tmp_path: Path):
    import base64

    Image.fromarray(halves(60, 40)).save(tmp_path / "a.png")
    uri = thumbnail(str(tmp_path / "a.png")).data_uri()
    kind, content = uri.split(",")
    assert kind == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (60, 40)


@pytest.mark.parametrize(
    ("path", "why"),
    [(None, "has no file"), ("gone.jpg", "FileNotFoundError"), ("text.jpg", "UnidentifiedImage")],
)
def test_what_is_no_picture_says_why(tmp_path: Path, path: str | None, why: str):
    (tmp_path / "text.jpg").write_text("no image")
    with pytest.raises(NoPictureError, match=why):
        thumbnail(path and str(tmp_path / path))
