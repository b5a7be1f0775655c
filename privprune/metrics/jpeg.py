"""What a JPEG of a given error costs: beside the bytes on the wire, those of the image, as bad as it may be.

A device that may send an image with the error that an attacker reaches anyway needs no split network. Below the lowest
quality of the encoder, an image is made smaller before it is coded, as anyone would do.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray[Any, Any]
_LOWEST, _HIGHEST = 1, 95  # qualities of Pillow's encoder; above 95 files grow without a gain
_SMALLEST = 4  # pixels
_MODES = {1: "L", 3: "RGB"}


@dataclass(frozen=True)
class JpegSize:
    """The JPEG files of some images at one quality and size in pixels.

    Attributes:
        quality: of Pillow's encoder, 1 to 95.
        side: height of the coded images, pixels.
        size: mean bytes of a file, headers and tables included.
        mse: mean squared error, on [0, 1], of the decoded images at their full size.

    """

    quality: int
    side: int
    size: float
    mse: float


def jpeg_of_error(images: Array, error: float) -> JpegSize | None:
    """Find the smallest JPEG files that are no worse than a given error.

    Args:
        images: uint8 [n, channels, height, width].
        error: mean squared error on [0, 1].

    Returns:
        the smallest of full size, half of it, and so on down to 4 pixels, each at the lowest quality that is no worse,
        which is found by bisection; the highest quality at full size where none is as good. None for images of neither
        one nor three channels.

    """
    if images.shape[1] not in _MODES:
        return None
    found, side = [], images.shape[2]
    while side >= min(_SMALLEST, images.shape[2]):
        found.append(_lowest_quality(images, error, side))
        side //= 2
    good = [one for one in found if one.mse <= error]
    return min(good, key=lambda one: one.size) if good else found[0]


def _lowest_quality(images: Array, error: float, side: int) -> JpegSize:
    low, high = _LOWEST, _HIGHEST
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if jpeg_size(images, middle, side).mse <= error else (middle + 1, high)
    return jpeg_size(images, low, side)


def jpeg_size(images: Array, quality: int, side: int) -> JpegSize:
    """Measure JPEG files with optimised tables.

    Args:
        images: uint8 [n, 1 or 3, height, width].
        quality: of Pillow's encoder.
        side: height to which images are shrunk before they are coded, pixels; they are enlarged again bilinearly.

    """
    sizes, errors = [], []
    full = images.shape[:1:-1]  # width, height
    for image in images:
        pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        file, shown = io.BytesIO(), Image.fromarray(pixels, _MODES[len(image)])
        if side != full[1]:
            shown = shown.resize((max(1, full[0] * side // full[1]), side), Image.Resampling.BOX)
        shown.save(file, "JPEG", quality=quality, optimize=True)
        decoded = np.asarray(Image.open(file).resize(full, Image.Resampling.BILINEAR), dtype=np.float64)
        sizes.append(file.tell())
        errors.append(np.square((decoded - pixels) / 255).mean())
    return JpegSize(quality, side, float(np.mean(sizes)), float(np.mean(errors)))
