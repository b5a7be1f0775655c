"""What a JPEG of a given error costs."""

import io

import numpy as np
import pytest
from PIL import Image

from privprune.metrics.jpeg import jpeg_of_error, jpeg_size


def pictures(channels: int, count: int = 4, side: int = 32) -> np.ndarray:
    """Return smooth random pictures, uint8 [count, channels, side, side]."""
    chance = np.random.default_rng(1)
    coarse = chance.uniform(0, 255, (count, channels, side // 4, side // 4))
    return coarse.repeat(4, axis=2).repeat(4, axis=3).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("error", [0.02, 0.01, 0.0075])
def test_it_is_the_lowest_quality_that_is_no_worse(channels: int, error: float) -> None:
    """Of all qualities, tried one by one; its size and error are those of the files."""
    images = pictures(channels)
    found = jpeg_of_error(images, error)
    assert found is not None
    assert found.mse <= error
    assert all(jpeg_size(images, quality).mse > error for quality in range(max(1, found.quality - 3), found.quality))
    file = io.BytesIO()
    pixels = images[0][0] if channels == 1 else images[0].transpose(1, 2, 0)
    Image.fromarray(pixels).save(file, "JPEG", quality=found.quality, optimize=True)
    alone = jpeg_size(images[:1], found.quality)
    assert alone.size == len(file.getvalue())
    assert alone.mse == pytest.approx(np.square((np.asarray(Image.open(file), float) - pixels) / 255).mean())


def test_beyond_its_qualities_it_is_the_nearest() -> None:
    """No file is as bad as an error of 1, and none as good as one of 0; two channels are no JPEG."""
    images = pictures(3)
    assert jpeg_of_error(images, 1.0) == jpeg_size(images, 1)
    assert jpeg_of_error(images, 0.0) == jpeg_size(images, 95)
    assert jpeg_of_error(pictures(2), 0.1) is None
