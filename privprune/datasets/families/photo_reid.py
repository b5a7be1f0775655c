"""Patches of scikit-image's colour photographs, each seen by four cameras: re-identification without a download (ours).

An identity is a patch of 48 x 48 pixels of a photograph. A camera is a fixed view: an angle, a scale, a slant, a
perspective, a blur, a colour cast and a gamma, the same for all patches. It shows each patch four times, each time
shifted a little. Training and test identities come from disjoint regions: the test identities from the squares of the
test tiles of `photos`, the training identities from outside of these.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from privprune.datasets.catalogue import DatasetInfo
from privprune.datasets.families.photos import HELD_OUT, PHOTOGRAPHS, Photograph, read_photograph
from privprune.datasets.raw import Array, RawDataset
from privprune.datasets.sources import Source, SourceInfo

SIDE = 32  # of a record, in pixels
PATCH = 48  # side of an identity, in pixels of the photograph
TRAIN, TEST = 8, 5  # identities of one photograph, the patches with most contrast
VIEWS = 4  # by one camera of an identity; the first view of a test identity is a query, the others are in the gallery
STRIDE = 6473  # a prime; its multiples spread records evenly, as in `photos`
_JITTER = ((0, 0), (2, -1), (-1, 2), (-2, -2))  # shift in rows and columns, in pixels, one per view


@dataclass(frozen=True)
class Camera:
    """A fixed view.

    Attributes:
        angle: by which it is turned, in degrees.
        scale: pixels of the photograph per pixel of the record.
        slant: shift of each row against the one above, in pixels.
        perspective: relative growth of the scale from the top to the bottom.
        shift: distance from the centre of the patch, in rows and columns of pixels.
        blur: number of pixels on each side that are averaged.
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


def read_photo_reid(source: Source) -> RawDataset:
    """Cut 64 training and 40 test identities: 1,024 train records, 160 queries and 480 gallery records of 32 x 32.

    Pixels are interpolated in double precision and rounded. Any run of the records has the identities evenly.

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
            part += [(pixels, corner) for corner in patch_corners(photograph, pixels, wanted, inside=inside)]
    every = [(camera, view) for camera in range(len(CAMERAS)) for view in range(VIEWS)]
    query = [(camera, 0) for camera in range(len(CAMERAS))]
    gallery = [view for view in every if view not in query]
    rows = [
        *_spread(_records(range(len(train)), every)),
        *_spread(_records(range(len(train), len(train) + len(test)), query)),
        *_spread(_records(range(len(train), len(train) + len(test)), gallery)),
    ]
    identities = [*train, *test]
    images = np.stack(
        [view_of(*identities[identity], CAMERAS[camera], _JITTER[view]) for identity, camera, view in rows]
    )
    return RawDataset(
        images,
        [identity for identity, _, _ in rows],
        official_train=len(train) * len(every),
        classes=len(train),
        note=f"{unverified} of {len(PHOTOGRAPHS)} photographs are not the known ones" if unverified else "",
        cameras=[camera for _, camera, _ in rows],
        queries=len(test) * len(query),
    )


def patch_corners(photograph: Photograph, pixels: Array, wanted: int, *, inside: bool) -> Array:
    """Return top and left of the patches with most contrast (variance of the brightness): int64 [wanted, 2].

    Patches may touch but do not overlap.

    Args:
        photograph: which one.
        pixels: uint8 [3, H, W], as `read_photograph` returns them.
        wanted: number of patches.
        inside: whether they lie inside or outside of the held-out square.

    """
    height, width = pixels.shape[1:]
    (top, left), side = photograph.held_out, HELD_OUT
    if inside:
        tops, lefts = range(top, top + side, PATCH), range(left, left + side, PATCH)
    else:
        tops, lefts = range(0, height - PATCH + 1, PATCH), range(0, width - PATCH + 1, PATCH)
    corners = [
        (row, column)
        for row in tops
        for column in lefts
        if inside or not (-PATCH < row - top < side and -PATCH < column - left < side)
    ]
    grey = pixels.astype(np.int64).sum(0)
    patches = [grey[row : row + PATCH, column : column + PATCH] for row, column in corners]
    contrast = [patch.size * int((patch**2).sum()) - int(patch.sum()) ** 2 for patch in patches]
    best = sorted(range(len(corners)), key=lambda number: -contrast[number])[:wanted]
    return np.array([corners[number] for number in sorted(best)])


def view_of(pixels: Array, corner: Array, camera: Camera, shift: tuple[int, int]) -> Array:
    """Return a patch as a camera shows it, uint8 [3, 32, 32], from pixels of the patch only.

    Args:
        pixels: of the photograph, uint8 [3, H, W].
        corner: top and left of the patch, int64 [2].
        camera: the view.
        shift: rows and columns by which this view is shifted, in pixels.

    """
    top, left = (int(position) for position in corner)
    patch = _blurred(pixels[:, top : top + PATCH, left : left + PATCH].astype(np.float64), camera.blur)
    rows, columns = _grid(camera, shift)
    light = np.array(camera.gain)[:, None, None] * 255 * (_interpolated(patch, rows, columns) / 255) ** camera.gamma
    return np.floor(light.clip(0, 255) + 0.5).astype(np.uint8)


def _grid(camera: Camera, shift: tuple[int, int]) -> tuple[Array, Array]:
    """Return the row and the column in the patch of each pixel of the record, float64 [32, 32] each."""
    steps = np.arange(SIDE) - (SIDE - 1) / 2
    down, across = np.meshgrid(steps, steps, indexing="ij")
    scale = camera.scale * (1 + camera.perspective * down / SIDE)
    across = (across + camera.slant * down) * scale
    down = down * scale
    cosine, sine = math.cos(math.radians(camera.angle)), math.sin(math.radians(camera.angle))
    middle = (PATCH - 1) / 2
    rows = middle + camera.shift[0] + shift[0] + cosine * down - sine * across
    columns = middle + camera.shift[1] + shift[1] + sine * down + cosine * across
    return rows.clip(0, PATCH - 1), columns.clip(0, PATCH - 1)


def _interpolated(patch: Array, rows: Array, columns: Array) -> Array:
    """Interpolate a patch, float64 [3, 48, 48], bilinearly at rows and columns [32, 32]: float64 [3, 32, 32]."""
    top = np.minimum(rows.astype(np.int64), PATCH - 2)
    left = np.minimum(columns.astype(np.int64), PATCH - 2)
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
    """Return (identity, camera, view) of each record, sorted."""
    return [(identity, camera, view) for identity in identities for camera, view in views]


def _spread(records: Sequence[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """Yield records in an order in which any run of them has the identities evenly."""
    return (records[number * STRIDE % len(records)] for number in range(len(records)))


METHOD = DatasetInfo(
    name="photo-reid",
    channels=3,
    size=SIDE,
    classes=len(PHOTOGRAPHS) * TRAIN,
    train_records=len(PHOTOGRAPHS) * TRAIN * len(CAMERAS) * VIEWS,
    test_records=len(PHOTOGRAPHS) * TEST * len(CAMERAS) * VIEWS,
    read=read_photo_reid,
    source=SourceInfo("bundled", "scikit-image"),
    identities=True,
    query_cameras=len(CAMERAS),
)
