"""What a JPEG of a given error costs."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from privprune.metrics.jpeg import jpeg_of_error, jpeg_size

Array = np.ndarray[Any, Any]


def pictures(channels: int, count: int = 4, side: int = 32) -> Array:
    """Return random pictures of coarse squares, uint8 [count, channels, side, side]."""
    chance = np.random.default_rng(1)
    coarse = chance.uniform(0, 255, (count, channels, side // 4, side // 4))
    return coarse.repeat(4, axis=2).repeat(4, axis=3).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("error", [0.05, 0.02, 0.01, 0.0075])
def test_it_is_the_smallest_file_that_is_no_worse(channels: int, error: float) -> None:
    """It keeps the error; no file of a few lower qualities at any size in pixels does so with fewer bytes."""
    images = pictures(channels)
    found = jpeg_of_error(images, error)
    assert found is not None
    assert found.mse <= error
    lower = range(max(1, found.quality - 3), found.quality)
    assert all(jpeg_size(images, quality, found.side).mse > error for quality in lower)
    others = [jpeg_size(images, quality, side) for quality in (1, 10, 40, 90) for side in (32, 16, 8, 4)]
    assert all(other.size >= found.size for other in others if other.mse <= error)


@pytest.mark.parametrize("channels", [1, 3])
def test_sizes_and_errors_are_those_of_the_files(channels: int) -> None:
    """At full size, the bytes that Pillow writes and the error of what it reads."""
    image = pictures(channels, count=1)
    file = io.BytesIO()
    pixels = image[0][0] if channels == 1 else image[0].transpose(1, 2, 0)
    Image.fromarray(pixels).save(file, "JPEG", quality=50, optimize=True)
    found = jpeg_size(image, 50, 32)
    assert found.size == len(file.getvalue())
    assert found.mse == pytest.approx(np.square((np.asarray(Image.open(file), float) - pixels) / 255).mean())


def test_beyond_its_qualities_it_is_the_nearest() -> None:
    """None is as bad as an error of 1, so the smallest file is taken; none as good as one of 0, so the best is."""
    images = pictures(3)
    worst = jpeg_of_error(images, 1.0)
    assert worst is not None
    assert (worst.quality, worst.side) == (1, 4)
    assert jpeg_of_error(images, 0.0) == jpeg_size(images, 95, 32)
    assert jpeg_of_error(pictures(2), 0.1) is None
