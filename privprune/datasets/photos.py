"""Tiles of the colour photographs that scikit-image carries: 32x32 pixels, no download, class = photograph.

Test tiles come from one square of each photograph that no training tile touches. Tiles of one part overlap one another:
a photograph holds 126 to 345 that do not, and the set has 650 of each.

The photographs are in the public domain or CC0 (scikit-image names their authors); the motorcycle is Middlebury's
(Scharstein et al., High-resolution stereo datasets with subpixel-accurate ground truth, GCPR 2014).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch

from privprune.datasets.dataset import Dataset
from privprune.datasets.decoding import open_image
from privprune.datasets.source import Source
from privprune.errors import UserError

TILE = 32  # side of a record, in pixels
TRAIN, TEST = 500, 150  # tiles of one photograph
HELD_OUT = 6 * TILE  # side of the square that test tiles come from
STRIDE = 6473  # a prime; see `_spread`

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Photograph:
    """One photograph and what is used of it.

    Attributes:
        file: its name in the folder `data` of scikit-image.
        md5: checksum of that file, the same in scikit-image 0.25 and 0.26.
        size: its width and height, in pixels.
        shrunk: so many pixels to a side are averaged to one, so that a tile shows something.
        crop: pixels cut off on every side before that: what is outside of the lens.
        held_out: top and left of the held-out square, in pixels of the photograph as used.

    """

    file: str
    md5: str
    size: tuple[int, int]
    shrunk: int
    crop: int
    held_out: tuple[int, int]


PHOTOGRAPHS = (  # in the order of their labels; of the two views of the motorcycle one
    Photograph("astronaut.png", "97066e0a8baf4cd0be9859f9825aa3a2", (512, 512), 1, 0, (0, 128)),
    Photograph("chelsea.png", "0f1b4a59504988622035d850dc0555ac", (451, 300), 1, 0, (96, 16)),
    Photograph("coffee.png", "f24210802e8d0690e0c1c2302f907cc4", (600, 400), 1, 0, (64, 160)),
    Photograph("hubble_deep_field.jpg", "bfc42613c8edb720cf7d1343693787a4", (1000, 872), 2, 0, (96, 128)),
    Photograph("ihc.png", "003cf07f958b143d4366a93657de6fd0", (512, 512), 1, 0, (128, 160)),
    Photograph("motorcycle_left.png", "4fa7de5269c6431eabc5c1cce0649c11", (741, 500), 1, 0, (128, 288)),
    Photograph("retina.jpg", "5fa589edda0ab6832e3afcd92c402412", (1411, 1411), 2, 224, (128, 128)),
    Photograph("rocket.jpg", "511130d2072cc744a1fa5015bc23557a", (640, 427), 1, 0, (160, 224)),
)


def photos(source: Source) -> Dataset:
    """Cut the tiles: for each of the 8 photographs 500 train and 150 test tiles, uint8 [5200, 3, 32, 32].

    The tiles of the astronaut's head are the mosaic. Pixels are averaged in whole numbers, so the fingerprint is the
    same under all versions of NumPy, PyTorch and scikit-image from 0.25. Five of the eight files are PNG, which has one
    decoding; the JPEG files (Hubble, retina, rocket) are decoded by Pillow, the same under all its releases that carry
    libjpeg-turbo, as its wheels do; another decoder may round some of their pixels otherwise.

    Raises:
        UserError: a photograph is missing from scikit-image, or differs from the known one.

    """
    read = [read_photograph(photograph, source) for photograph in PHOTOGRAPHS]
    pictures = [pixels for pixels, _ in read]
    train = _cut(pictures, [train_places(*it) for it in zip(PHOTOGRAPHS, pictures, strict=True)])
    test = _cut(pictures, [test_places(photograph) for photograph in PHOTOGRAPHS])
    order = _spread(len(train)), _spread(len(test))
    labels = np.concatenate([order[0] // TRAIN, order[1] // TEST])
    # where each test tile went; the grid of the first photograph comes first among them
    went = len(train) + np.argsort(order[1])
    side = HELD_OUT // TILE
    mosaic = went[: side * side].reshape(side, side).tolist()
    unverified = sum(not verified for _, verified in read)
    return Dataset.of(
        "photos",
        torch.from_numpy(np.concatenate([train[order[0]], test[order[1]]])),
        torch.from_numpy(labels),
        official_train=len(train),
        classes=len(PHOTOGRAPHS),
        note=f"{unverified} of {len(read)} photographs are not the known ones" if unverified else "",
        mosaic=tuple(map(tuple, mosaic)),
    )


def train_places(photograph: Photograph, pixels: Array) -> Array:
    """Top and left of the training tiles of a photograph [C, H, W], none in the held-out square: int64 [500, 2]."""
    top, left = photograph.held_out
    height, width = pixels.shape[1:]

    def outside(places: Array) -> Array:
        down, across = places[:, 0] - top, places[:, 1] - left
        overlaps = (down > -TILE) & (down < HELD_OUT) & (across > -TILE) & (across < HELD_OUT)
        return places[~overlaps]

    return _evenly(lambda step: outside(_lattice(height, width, step)), TRAIN)


def test_places(photograph: Photograph) -> Array:
    """Top and left of the test tiles of a photograph, first the 36 that fill the held-out square: int64 [150, 2]."""
    grid = _lattice(HELD_OUT, HELD_OUT, TILE)

    def between(step: int) -> Array:
        places = _lattice(HELD_OUT, HELD_OUT, step)
        return places[(places % TILE).any(axis=1)]

    return np.concatenate([grid, _evenly(between, TEST - len(grid))]) + photograph.held_out


def _lattice(height: int, width: int, step: int) -> Array:
    """Top and left of the tiles that lie in an area, `step` pixels apart, row by row: int64 [n, 2]."""
    tops, lefts = np.arange(0, height - TILE + 1, step), np.arange(0, width - TILE + 1, step)
    return np.stack(np.meshgrid(tops, lefts, indexing="ij"), axis=-1).reshape(-1, 2)


def _evenly(places: Callable[[int], Array], wanted: int) -> Array:
    """Take `wanted` places, evenly spaced, from the widest lattice that has so many: as little overlap as can be."""
    enough = next(found for step in range(TILE, 0, -1) if len(found := places(step)) >= wanted)
    return enough[np.arange(wanted) * len(enough) // wanted]


def _cut(pictures: Sequence[Array], places: Sequence[Array]) -> Array:
    """Cut the tiles at these places, photograph after photograph: uint8 [n, 3, 32, 32]."""
    return np.stack(
        [
            pixels[:, top : top + TILE, left : left + TILE]
            for pixels, corners in zip(pictures, places, strict=True)
            for top, left in corners
        ]
    )


def _spread(records: int) -> Array:
    """Return an order of records sorted by class, in which any run of them, or every k-th, holds the classes evenly.

    Multiples of a prime do that without a random generator, whose draws may change with its version.
    """
    return np.arange(records) * STRIDE % records


def folder() -> Path:
    """Return the folder of scikit-image's data."""
    return Path(str(resources.files("skimage"))) / "data"


def read_photograph(photograph: Photograph, source: Source) -> tuple[Array, bool]:
    """Return the pixels as used, uint8 [3, H, W], and whether the file is the known one."""
    place = folder() / photograph.file
    try:
        content = place.read_bytes()
    except OSError:
        raise UserError(
            f"photos: {place} is missing; it comes inside scikit-image 0.25 and later (public domain or CC0; the "
            "motorcycle is Middlebury's, Scharstein et al., GCPR 2014): install that again, "
            "`uv sync --reinstall-package scikit-image`"
        ) from None
    verified = source.verified(str(place), content, photograph.md5)
    image = open_image(content, place, "RGB")
    if image.size != photograph.size:
        found, allowed = (f"{width}x{height}" for width, height in (image.size, photograph.size))
        raise UserError(f"{place}: found {found} pixels, allowed {allowed}")
    pixels = np.asarray(image).transpose(2, 0, 1)
    cut, side = photograph.crop, photograph.shrunk
    pixels = pixels[:, cut : pixels.shape[1] - cut, cut : pixels.shape[2] - cut].astype(np.int64)
    height, width = (size // side for size in pixels.shape[1:])
    blocks = pixels[:, : height * side, : width * side].reshape(3, height, side, width, side)
    return ((blocks.sum((2, 4)) + side * side // 2) // (side * side)).astype(np.uint8), verified
