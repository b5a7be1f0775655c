"""Places in scikit-image's colour photographs, each seen by four cameras: re-identification without a download (ours).

An identity is a place of 48 x 48 pixels in a photograph. A camera is a fixed view: an angle, a scale, a slant, a
perspective, a blur, a colour cast and a gamma, the same for all places. It looks at each place four times, each time a
little aside. Training and test identities come from disjoint regions: the test identities from the squares that hold
the test tiles of `photos`, the training identities from outside of these.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from privprune.datasets.dataset import Dataset
from privprune.datasets.photos import HELD_OUT, PHOTOGRAPHS, Photograph, read_photograph
from privprune.datasets.source import Source

SIDE = 32  # of a record, in pixels
PLACE = 48  # side of what an identity is, in pixels
TRAIN, TEST = 8, 5  # identities of one photograph, those with most contrast
VIEWS = 4  # of an identity by one camera; of a test identity the first is a query, the others are in the gallery
STRIDE = 6473  # a prime; its multiples spread records evenly, as in `photos`
_JITTER = ((0, 0), (2, -1), (-1, 2), (-2, -2))  # rows and columns aside, in pixels; one per view

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Camera:
    """A fixed view.

    Attributes:
        angle: it is turned by, degrees.
        scale: pixels of the photograph per pixel of the record.
        slant: how far each row is shifted against the one above, in pixels.
        perspective: relative growth of the scale from the top to the bottom.
        shift: rows and columns beside the middle of the place, in pixels.
        blur: pixels on each side that are averaged.
        gain: factors of red, green and blue.
        gamma: exponent of the brightness.

    """

    angle: float
    scale: float
    slant: float
    perspective: float
    shift: tuple[float, float]
    blur: int
    gain: tuple[float, float, float]
    gamma: float


CAMERAS = (
    Camera(0.0, 1.0, 0.0, 0.0, (0.0, 0.0), 0, (1.0, 1.0, 1.0), 1.0),
    Camera(12.0, 1.1, 0.1, 0.15, (2.0, -2.0), 0, (1.1, 0.95, 0.8), 1.4),
    Camera(-14.0, 0.9, -0.1, -0.1, (-2.0, 3.0), 1, (0.8, 0.95, 1.15), 0.75),
    Camera(7.0, 1.15, -0.15, 0.2, (1.0, 2.0), 1, (0.7, 0.7, 0.7), 1.2),
)


def photo_reid(source: Source) -> Dataset:
    """Cut 64 training and 40 test identities: 1,024 train records, 160 queries and 480 gallery records of 32 x 32.

    Pixels are interpolated in double precision and rounded. Any run of the records holds the identities evenly.

    Raises:
        UserError: a photograph is missing from scikit-image, or differs from the known one.

    """
    train: list[tuple[Array, Array]] = []
    test: list[tuple[Array, Array]] = []
    unverified = 0
    for photograph in PHOTOGRAPHS:
        pixels, verified = read_photograph(photograph, source)
        unverified += not verified
        for wanted, part, inside in ((TRAIN, train, False), (TEST, test, True)):
            part += [(pixels, place) for place in places(photograph, pixels, wanted, inside=inside)]
    every = [(camera, view) for camera in range(len(CAMERAS)) for view in range(VIEWS)]
    asked = [(camera, 0) for camera in range(len(CAMERAS))]
    rest = [one for one in every if one not in asked]
    rows = [
        *_spread(_records(range(len(train)), every)),
        *_spread(_records(range(len(train), len(train) + len(test)), asked)),
        *_spread(_records(range(len(train), len(train) + len(test)), rest)),
    ]
    identities = [*train, *test]
    images = np.stack([seen(*identities[identity], CAMERAS[camera], _JITTER[view]) for identity, camera, view in rows])
    return Dataset.of(
        "photo-reid",
        torch.from_numpy(images),
        torch.tensor([identity for identity, _, _ in rows]),
        official_train=len(train) * len(every),
        classes=len(train),
        note=f"{unverified} of {len(PHOTOGRAPHS)} photographs are not the known ones" if unverified else "",
        cameras=torch.tensor([camera for _, camera, _ in rows]),
        queries=len(test) * len(asked),
    )


def places(photograph: Photograph, pixels: Array, wanted: int, *, inside: bool) -> Array:
    """Top and left of the places with most contrast, in or outside of the held-out square: int64 [wanted, 2].

    Places touch one another at most. Contrast is the variance of the brightness.
    """
    height, width = pixels.shape[1:]
    (top, left), side = photograph.held_out, HELD_OUT
    if inside:
        tops, lefts = range(top, top + side, PLACE), range(left, left + side, PLACE)
    else:
        tops, lefts = range(0, height - PLACE + 1, PLACE), range(0, width - PLACE + 1, PLACE)
    found = [
        (row, column)
        for row in tops
        for column in lefts
        if inside or not (-PLACE < row - top < side and -PLACE < column - left < side)
    ]
    grey = pixels.astype(np.int64).sum(0)
    cut = [grey[row : row + PLACE, column : column + PLACE] for row, column in found]
    contrast = [part.size * int((part**2).sum()) - int(part.sum()) ** 2 for part in cut]
    best = sorted(range(len(found)), key=lambda number: -contrast[number])[:wanted]
    return np.array([found[number] for number in sorted(best)])


def seen(pixels: Array, place: Array, camera: Camera, aside: tuple[int, int]) -> Array:
    """Return a place as a camera sees it, uint8 [3, 32, 32]; pixels uint8 [3, H, W], never from beyond the place."""
    top, left = (int(corner) for corner in place)
    patch = _blurred(pixels[:, top : top + PLACE, left : left + PLACE].astype(np.float64), camera.blur)
    rows, columns = _grid(camera, aside)
    light = np.array(camera.gain)[:, None, None] * 255 * (_between(patch, rows, columns) / 255) ** camera.gamma
    return np.floor(light.clip(0, 255) + 0.5).astype(np.uint8)


def _grid(camera: Camera, aside: tuple[int, int]) -> tuple[Array, Array]:
    """Return row and column in the place of each pixel of the record, float64 [32, 32] each."""
    steps = np.arange(SIDE) - (SIDE - 1) / 2
    down, across = np.meshgrid(steps, steps, indexing="ij")
    scale = camera.scale * (1 + camera.perspective * down / SIDE)
    across = (across + camera.slant * down) * scale
    down = down * scale
    cosine, sine = math.cos(math.radians(camera.angle)), math.sin(math.radians(camera.angle))
    middle = (PLACE - 1) / 2
    rows = middle + camera.shift[0] + aside[0] + cosine * down - sine * across
    columns = middle + camera.shift[1] + aside[1] + sine * down + cosine * across
    return rows.clip(0, PLACE - 1), columns.clip(0, PLACE - 1)


def _between(patch: Array, rows: Array, columns: Array) -> Array:
    """Interpolate bilinearly: float64 [3, 48, 48] at places [32, 32] to [3, 32, 32]."""
    top = np.minimum(rows.astype(np.int64), PLACE - 2)
    left = np.minimum(columns.astype(np.int64), PLACE - 2)
    below, right = rows - top, columns - left
    upper = patch[:, top, left] * (1 - right) + patch[:, top, left + 1] * right
    lower = patch[:, top + 1, left] * (1 - right) + patch[:, top + 1, left + 1] * right
    blended: Array = upper * (1 - below) + lower * below
    return blended


def _blurred(patch: Array, reach: int) -> Array:
    """Average each pixel with those up to `reach` rows and columns away; edges are repeated."""
    side = patch.shape[1]
    padded = np.pad(patch, ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    shifts = range(2 * reach + 1)
    total = sum(padded[:, row : row + side, column : column + side] for row in shifts for column in shifts)
    return np.asarray(total) / len(shifts) ** 2


def _records(identities: Sequence[int], views: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Return (identity, camera, view) of some records, sorted."""
    return [(identity, camera, view) for identity in identities for camera, view in views]


def _spread(records: Sequence[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """Yield records in an order in which any run of them holds the identities evenly."""
    return (records[number * STRIDE % len(records)] for number in range(len(records)))
