"""Tiles of the colour photographs that scikit-image carries: 32x32 pixels, no download, class = photograph.

Test tiles come from one square of each photograph, and no training tile overlaps it. Tiles of one part overlap one
another: a photograph has room for 126 to 345 that do not, and the set has 650 of each.

The photographs are in the public domain or CC0 (scikit-image names their authors); the motorcycle is Middlebury's
(Scharstein et al., High-resolution stereo datasets with subpixel-accurate ground truth, GCPR 2014).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from privprune.datasets.catalogue import DatasetInfo
from privprune.datasets.decoding import open_image
from privprune.datasets.raw import Array, RawDataset
from privprune.datasets.sources import Source, SourceInfo
from privprune.errors import UserError

TILE = 32  # side of a record, in pixels
TRAIN, TEST = 500, 150  # tiles of one photograph
HELD_OUT = 6 * TILE  # side of the square that test tiles come from
STRIDE = 6473  # a prime; see `_spread`


@dataclass(frozen=True)
class Photograph:
    """One photograph and the part of it that is used.

    Attributes:
        file: its name in the folder `data` of scikit-image.
        md5: checksum of that file, the same in scikit-image 0.25 and 0.26.
        size: its width and height, in pixels.
        shrunk: side of the square of pixels that are averaged to one, so that a tile shows some structure.
        crop: pixels cut off on every side before that, which lie outside of the lens.
        held_out: top and left of the held-out square, in pixels of the cropped and shrunk photograph.

    """

    file: str
    md5: str
    size: tuple[int, int]
    shrunk: int
    crop: int
    held_out: tuple[int, int]


PHOTOGRAPHS = (  # in the order of their labels; only one of the two views of the motorcycle
    Photograph("astronaut.png", "97066e0a8baf4cd0be9859f9825aa3a2", (512, 512), 1, 0, (0, 128)),
    Photograph("chelsea.png", "0f1b4a59504988622035d850dc0555ac", (451, 300), 1, 0, (96, 16)),
    Photograph("coffee.png", "f24210802e8d0690e0c1c2302f907cc4", (600, 400), 1, 0, (64, 160)),
    Photograph("hubble_deep_field.jpg", "bfc42613c8edb720cf7d1343693787a4", (1000, 872), 2, 0, (96, 128)),
    Photograph("ihc.png", "003cf07f958b143d4366a93657de6fd0", (512, 512), 1, 0, (128, 160)),
    Photograph("motorcycle_left.png", "4fa7de5269c6431eabc5c1cce0649c11", (741, 500), 1, 0, (128, 288)),
    Photograph("retina.jpg", "5fa589edda0ab6832e3afcd92c402412", (1411, 1411), 2, 224, (128, 128)),
    Photograph("rocket.jpg", "511130d2072cc744a1fa5015bc23557a", (640, 427), 1, 0, (160, 224)),
)


def read_photos(source: Source) -> RawDataset:
    """Cut the tiles: for each of the 8 photographs 500 train and 150 test tiles, uint8 [5200, 3, 32, 32].

    The tiles of the astronaut's head are the mosaic. Pixels are averaged in integers, so the fingerprint is the same
    under all versions of NumPy, PyTorch and scikit-image from 0.25. Five of the eight files are PNG, which decodes in
    one way only. The JPEG files (Hubble, retina, rocket) are decoded by Pillow, with the same result in all releases
    that contain libjpeg-turbo, as its wheels do; another decoder may round some of their pixels differently.

    Raises:
        UserError: a photograph is missing from scikit-image, or differs from the known one.

    """
    read = [read_photograph(photograph, source) for photograph in PHOTOGRAPHS]
    pictures = [pixels for pixels, _ in read]
    train = _cut(pictures, [train_corners(*it) for it in zip(PHOTOGRAPHS, pictures, strict=True)])
    test = _cut(pictures, [test_corners(photograph) for photograph in PHOTOGRAPHS])
    order = _spread(len(train)), _spread(len(test))
    labels = np.concatenate([order[0] // TRAIN, order[1] // TEST])
    # position of each test tile in the dataset; the grid of the first photograph comes first among them
    positions = len(train) + np.argsort(order[1])
    side = HELD_OUT // TILE
    mosaic = positions[: side * side].reshape(side, side).tolist()
    unverified = sum(not verified for _, verified in read)
    return RawDataset(
        np.concatenate([train[order[0]], test[order[1]]]),
        labels,
        official_train=len(train),
        classes=len(PHOTOGRAPHS),
        note=f"{unverified} of {len(read)} photographs are not the known ones" if unverified else "",
        mosaic=tuple(map(tuple, mosaic)),
    )


def train_corners(photograph: Photograph, pixels: Array) -> Array:
    """Return top and left of a photograph's training tiles, none in its held-out square: int64 [500, 2].

    Args:
        photograph: which one.
        pixels: uint8 [3, H, W], as `read_photograph` returns them.

    """
    top, left = photograph.held_out
    height, width = pixels.shape[1:]

    def outside(corners: Array) -> Array:
        down, across = corners[:, 0] - top, corners[:, 1] - left
        overlaps = (down > -TILE) & (down < HELD_OUT) & (across > -TILE) & (across < HELD_OUT)
        return corners[~overlaps]

    return _evenly(lambda step: outside(_lattice(height, width, step)), TRAIN)


def test_corners(photograph: Photograph) -> Array:
    """Return top and left of a photograph's test tiles, first the 36 that fill its held-out square: int64 [150, 2]."""
    grid = _lattice(HELD_OUT, HELD_OUT, TILE)

    def between(step: int) -> Array:
        corners = _lattice(HELD_OUT, HELD_OUT, step)
        return corners[(corners % TILE).any(axis=1)]

    return np.concatenate([grid, _evenly(between, TEST - len(grid))]) + photograph.held_out


def _lattice(height: int, width: int, step: int) -> Array:
    """Return top and left of all tiles in an area, `step` pixels apart, row by row: int64 [n, 2]."""
    tops, lefts = np.arange(0, height - TILE + 1, step), np.arange(0, width - TILE + 1, step)
    return np.stack(np.meshgrid(tops, lefts, indexing="ij"), axis=-1).reshape(-1, 2)


def _evenly(lattice: Callable[[int], Array], wanted: int) -> Array:
    """Take `wanted` corners, evenly spaced, from the widest lattice that has so many, so that tiles overlap little."""
    corners = next(found for step in range(TILE, 0, -1) if len(found := lattice(step)) >= wanted)
    return corners[np.arange(wanted) * len(corners) // wanted]


def _cut(pictures: Sequence[Array], corners: Sequence[Array]) -> Array:
    """Cut the tiles with these corners, photograph after photograph: uint8 [n, 3, 32, 32]."""
    return np.stack(
        [
            pixels[:, top : top + TILE, left : left + TILE]
            for pixels, of_picture in zip(pictures, corners, strict=True)
            for top, left in of_picture
        ]
    )


def _spread(records: int) -> Array:
    """Return an order of records sorted by class in which any run of them, or every k-th, has the classes evenly.

    The order is multiples of a prime: the draws of a random generator may change with its version.
    """
    return np.arange(records) * STRIDE % records


def data_folder() -> Path:
    """Return scikit-image's data folder."""
    return Path(str(resources.files("skimage"))) / "data"


def read_photograph(photograph: Photograph, source: Source) -> tuple[Array, bool]:
    """Return a photograph cropped and shrunk, uint8 [3, H, W], and whether the file is the known one.

    Raises:
        UserError: it is missing from scikit-image, or differs from the known one and only that is accepted, or has
            another size.

    """
    path = data_folder() / photograph.file
    try:
        content = path.read_bytes()
    except OSError:
        raise UserError(
            f"photos: {path} is missing; it comes inside scikit-image 0.25 and later (public domain or CC0; the "
            "motorcycle is Middlebury's, Scharstein et al., GCPR 2014): install that again, "
            "`uv sync --reinstall-package scikit-image`"
        ) from None
    verified = source.verified(str(path), content, photograph.md5)
    image = open_image(content, path, "RGB")
    if image.size != photograph.size:
        found, allowed = (f"{width}x{height}" for width, height in (image.size, photograph.size))
        raise UserError(f"{path}: found {found} pixels, allowed {allowed}")
    pixels = np.asarray(image).transpose(2, 0, 1)
    cut, side = photograph.crop, photograph.shrunk
    pixels = pixels[:, cut : pixels.shape[1] - cut, cut : pixels.shape[2] - cut].astype(np.int64)
    height, width = (size // side for size in pixels.shape[1:])
    blocks = pixels[:, : height * side, : width * side].reshape(3, height, side, width, side)
    return ((blocks.sum((2, 4)) + side * side // 2) // (side * side)).astype(np.uint8), verified


METHOD = DatasetInfo(
    name="photos",
    channels=3,
    size=TILE,
    classes=len(PHOTOGRAPHS),
    train_records=len(PHOTOGRAPHS) * TRAIN,
    test_records=len(PHOTOGRAPHS) * TEST,
    read=read_photos,
    source=SourceInfo("bundled", "scikit-image"),
)
