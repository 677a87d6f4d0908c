"""Near-duplicates of images."""

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from mmal.registry import TRANSFORMS


@TRANSFORMS.register_module()
class VaryImage(BaseTransform):
    """Makes the copies of a :class:`mmal.Redundant` pool near-duplicates, as frames of a video are.

    Light, sharpness, noise and compression change a little; nothing moves, so annotations stay
    right. The change is drawn by the sample's id: a copy looks the same in every epoch and round.
    Images without the key ``variant`` are left alone, so it may stand in the pipeline of test data.
    It goes right after what loads the image, with ``img`` in 0..255.

    Args:
        strength: 1 for changes by up to 8 % in contrast, 8 of 255 in brightness and 3 in the
            noise's standard deviation, a blur of up to 0.6 pixels and a JPEG quality of 75 to 95;
            in proportion up to 4. 0 leaves compression at quality 95 alone.

    Raises:
        ValueError: If ``strength`` is not in 0..4.
    """

    def __init__(self, strength: float = 1.0) -> None:
        if not 0 <= strength <= 4:
            raise ValueError(
                "The 'strength' parameter of VaryImage must be between 0 and 4. Got "
                f"{strength!r} instead."
            )
        self.strength = strength

    def transform(self, results: dict) -> dict:
        """Return the results, of a copy with a changed ``img`` of the same shape and type."""
        if "variant" not in results:
            return results
        rng = np.random.default_rng([*results["sample_id"].encode()])
        return {**results, "img": vary(results["img"], rng, self.strength)}


def vary(img: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Return an image under small photometric changes; see :class:`VaryImage`.

    Args:
        img: Of shape (height, width) or (height, width, channels), in 0..255.
        rng: Decides the changes.
        strength: Of the changes, from 0.
    """
    contrast, brightness = 1 + strength * rng.uniform(-0.08, 0.08), strength * rng.uniform(-8, 8)
    blur, noise = strength * rng.uniform(0, 0.6), strength * rng.uniform(0, 3)
    quality = int(95 - strength * rng.uniform(0, 20))
    varied = (img.astype(np.float32) - 127.5) * contrast + 127.5 + brightness
    if blur > 0:
        varied = cv2.GaussianBlur(varied, (0, 0), blur).reshape(img.shape)
    varied = varied + rng.normal(0, noise, img.shape)
    encoded = np.clip(np.round(varied), 0, 255).astype(np.uint8)
    _, encoded = cv2.imencode(".jpg", encoded, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    return decoded.reshape(img.shape).astype(img.dtype)
