"""What a JPEG of a given error costs: beside the bytes on the wire, those of the image, as bad as it may be.

A device that may send an image with the error that an attacker reaches anyway needs no split network.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray[Any, Any]
_LOWEST, _HIGHEST = 1, 95  # qualities of Pillow's encoder; above 95 files grow without a gain
_MODES = {1: "L", 3: "RGB"}


@dataclass(frozen=True)
class JpegSize:
    """The JPEG files of some images at one quality.

    Attributes:
        quality: of Pillow's encoder, 1 to 95.
        size: mean bytes of a file, headers and tables included.
        mse: mean squared error of the decoded images on [0, 1].

    """

    quality: int
    size: float
    mse: float


def jpeg_of_error(images: Array, error: float) -> JpegSize | None:
    """Find the lowest quality at which JPEG files are no worse than a given error.

    Args:
        images: uint8 [n, channels, height, width].
        error: mean squared error on [0, 1].

    Returns:
        the size at that quality, found by bisection: the lowest quality where even that is better, the highest where
        none is as good. None for images of neither one nor three channels.

    """
    if images.shape[1] not in _MODES:
        return None
    low, high = _LOWEST, _HIGHEST
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if jpeg_size(images, middle).mse <= error else (middle + 1, high)
    return jpeg_size(images, low)


def jpeg_size(images: Array, quality: int) -> JpegSize:
    """Measure the JPEG files of images, uint8 [n, 1 or 3, height, width], at one quality, with optimised tables."""
    sizes, errors = [], []
    for image in images:
        pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        file = io.BytesIO()
        Image.fromarray(pixels, _MODES[len(image)]).save(file, "JPEG", quality=quality, optimize=True)
        decoded = np.asarray(Image.open(file), dtype=np.float64)
        sizes.append(file.tell())
        errors.append(np.square((decoded - pixels) / 255).mean())
    return JpegSize(quality, float(np.mean(sizes)), float(np.mean(errors)))
