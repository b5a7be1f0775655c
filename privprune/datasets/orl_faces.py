"""The ORL faces: 400 photographs of 40 people (Olivetti Research Laboratory; Samaria and Harter, 1994)."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

from privprune.datasets.class_folders import users_folder
from privprune.datasets.dataset import Dataset
from privprune.datasets.decoding import decoded, open_image
from privprune.datasets.source import Source
from privprune.datasets.sources import WHEREABOUTS
from privprune.errors import UserError

PEOPLE, PHOTOGRAPHS = 40, 10
TRAIN = 8  # photographs of each person, see `orl_faces`
WIDTH, HEIGHT = 92, 112  # of the files, in pixels
SIDE = 64  # of the records
LAYOUT, ORIGIN = WHEREABOUTS["orl-faces"].layout, WHEREABOUTS["orl-faces"].origin


def orl_faces(source: Source) -> Dataset:
    """Read `orl_faces/s<1..40>/<1..10>.png` (or .pgm), grey: uint8 [400, 1, 64, 64], class = person in numeric order.

    The central 92x92 pixels (hair and shoulders are cut by 10 rows each) are resized to 64x64, a size that all networks
    take. The set has no official division. Photographs 1 to 8 of each person are train, 9 and 10 test: a half split of
    the training records then leaves each network about four of a person, and two of each are the fewest that show
    whether a person is known by more than one picture.

    Raises:
        UserError: a file is missing, of another size, or no picture.

    """
    root = users_folder(source, "orl-faces", "orl_faces", LAYOUT, ORIGIN)
    numbers = range(1, PHOTOGRAPHS + 1)
    parts = (numbers[:TRAIN], numbers[TRAIN:])
    records = [(person, number) for part in parts for person in range(PEOPLE) for number in part]
    return Dataset.of(
        "orl-faces",
        decoded(_face, [_file(root / f"s{person + 1}", number) for person, number in records]),
        torch.tensor([person for person, _ in records]),
        official_train=PEOPLE * TRAIN,
        classes=PEOPLE,
    )


def _file(folder: Path, number: int) -> Path:
    found = next((path for suffix in ("png", "pgm") if (path := folder / f"{number}.{suffix}").is_file()), None)
    if found is None:
        raise UserError(f"{folder / str(number)}.png: the file is missing in this copy, expected {LAYOUT}")
    return found


def _face(path: Path) -> Image.Image:
    image = open_image(path, path, "L")
    if image.size != (WIDTH, HEIGHT):
        raise UserError(f"{path}: found {image.width}x{image.height} pixels, allowed {WIDTH}x{HEIGHT}")
    top = (HEIGHT - WIDTH) // 2
    return image.crop((0, top, WIDTH, top + WIDTH)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
