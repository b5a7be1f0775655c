"""Lossless codes: they can be decoded, and no distribution is coded below its entropy."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image

from privprune.metrics.code_length import Array, PredictiveCode, code_lengths
from privprune.metrics.conditional_entropy import entropy_bound


def levels(images: int, shape: tuple[int, int, int], count: int) -> Array:
    """Return images of independent bytes, uniform over so many neighbouring levels."""
    return np.random.default_rng(images).integers(100, 100 + count, (images, *shape)).astype(np.uint8)


def waves(images: int, side: int = 16) -> Array:
    """Return smooth colour images, which differ in phase and direction, with some noise."""
    draw = np.random.default_rng(0)
    row, column = np.mgrid[0:side, 0:side] / side
    made = []
    for _ in range(images):
        slope, phase = draw.uniform(-4, 4, (2, 3, 1, 1)), draw.uniform(0, 6, (3, 1, 1))
        made.append(127 + 100 * np.sin(slope[0] * row + slope[1] * column + phase))
    return (np.stack(made) + draw.normal(0, 2, (images, 3, side, side))).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 2, 1), (2, 1, 1)])
def test_the_predictive_code_can_be_decoded(shape: tuple[int, int, int]) -> None:
    """Over all 65,536 images of two bytes, exp(-length) sums to 1: the lengths are those of a code (Kraft 1949)."""
    known = np.random.default_rng(1).normal(60, 40, (200, *shape)).clip(0, 255).round()
    known[:, -1, -1, -1] = (known[:, 0, 0, 0] + 5).clip(0, 255)
    code = PredictiveCode.learnt(known - 127.5)
    every = np.stack(np.meshgrid(np.arange(256.0), np.arange(256.0)), axis=-1).reshape(-1, *shape)
    assert np.exp(-code.lengths(every - 127.5).sum((1, 2, 3))).sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("place", [(0, 3, 4), (0, 0, 0), (1, 4, 7), (2, 7, 7)])
def test_what_comes_later_does_not_change_what_came_before(channels: int, place: tuple[int, int, int]) -> None:
    """A changed value changes no length of the values before it: green, red, blue, each from its upper left in rows."""
    images = waves(40, 8)[:, :channels].astype(np.float64) - 127.5
    code, changed = PredictiveCode.learnt(images), images.copy()
    channel, row, column = place[0] % channels, *place[1:]
    changed[:, channel, row, column] *= -1
    differ = np.abs(code.lengths(changed) - code.lengths(images)).max(0) > 1e-9
    order = [1, 0, 2] if channels == 3 else [0]
    position = order.index(channel) * 64 + row * 8 + column
    assert not differ[order].reshape(-1)[:position].any()
    assert differ[order].reshape(-1)[position]


def test_files_are_as_long_as_pillow_writes_them() -> None:
    """The lengths of PNG and WebP are those of files, and the files hold the same images."""
    images = waves(3)
    lengths = code_lengths(images)
    assert set(lengths) == {"bytes", "png", "webp"}
    for name, how in (("png", {"optimize": True}), ("webp", {"lossless": True, "quality": 80, "method": 4})):
        for image, nats in zip(images, lengths[name], strict=True):
            buffer = io.BytesIO()
            Image.fromarray(image.transpose(1, 2, 0)).save(buffer, name.upper(), **how)
            assert nats == pytest.approx(len(buffer.getvalue()) * math.log(256))
            assert np.array_equal(np.asarray(Image.open(buffer)).transpose(2, 0, 1), image)


@pytest.mark.parametrize("count", [16, 64])
def test_no_law_is_coded_below_its_entropy(count: int) -> None:
    """Independent bytes of equal chance need log(count) each; the predictive code needs a few percent more."""
    images = levels(200, (3, 8, 8), count)
    entropy = images[0].size * math.log(count)
    lengths = {name: one.mean() for name, one in code_lengths(images).items()}
    assert min(lengths.values()) >= entropy
    assert lengths["predictive"] < 1.25 * entropy
    assert entropy_bound(torch.from_numpy(images)) >= entropy - images[0].size * math.log(255)


def test_what_is_alike_nearby_is_coded_with_less() -> None:
    """Smooth images need less than PNG and bytes, and images of one colour next to nothing."""
    lengths = {name: one.mean() for name, one in code_lengths(waves(60)).items()}
    assert lengths["predictive"] < lengths["png"] < lengths["bytes"]
    grey = torch.full((60, 1, 16, 16), 90, dtype=torch.uint8)
    assert -256 * math.log(255) < entropy_bound(grey) < -0.95 * 256 * math.log(255)


def test_images_that_no_file_and_no_table_fits_are_counted_as_they_are() -> None:
    """Three images of two channels have log 256 a byte, one step of the interval more than log 255."""
    images = torch.from_numpy(levels(3, (2, 4, 4), 16))
    assert entropy_bound(images) == pytest.approx(32 * math.log(256 / 255))
