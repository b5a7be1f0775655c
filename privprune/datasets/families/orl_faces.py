"""The ORL faces: 400 photographs of 40 people (Olivetti Research Laboratory; Samaria and Harter, 1994).

`orl-faces` classifies people. `orl-reid` (ours) is a re-identification set: training never shows the people of the test
records. The photographs come without cameras, so the number of a photograph is used as its camera. Then no query and
gallery picture of a person share one, and nothing is left out of the ranking.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from privprune.datasets.catalogue import DatasetInfo
from privprune.datasets.decoding import decode_all, open_image
from privprune.datasets.raw import Array, RawDataset
from privprune.datasets.sources import Source, SourceInfo
from privprune.errors import UserError

PEOPLE, PHOTOGRAPHS = 40, 10
WIDTH, HEIGHT = 92, 112  # of the files, in pixels
SIDE = 64  # of the records, in pixels
TRAIN_PHOTOGRAPHS = 8  # of each person, in `orl-faces`
TRAIN_PEOPLE = 30  # in `orl-reid`; the other 10 are the test identities
QUERIES = 3  # photographs of each test identity, in `orl-reid`; the other 7 are the gallery
SOURCE = SourceInfo(
    "user_supplied",
    "AT&T Laboratories Cambridge, https://cam-orl.co.uk/facedatabase.html, free with credit to the Olivetti Research "
    "Laboratory (Samaria and Harter, 1994)",
    ("orl_faces",),
    "orl_faces/s1/1.png to orl_faces/s40/10.png (or .pgm)",
)
Records = list[tuple[int, int]]  # person and photograph, both counted from 0


def read_orl_faces(source: Source) -> RawDataset:
    """Read `orl_faces/s<1..40>/<1..10>.png` (or .pgm), grey: uint8 [400, 1, 64, 64], class = person in numeric order.

    The central 92x92 pixels (10 rows of hair and of shoulders are cut off) are resized to 64x64, a size that all
    networks accept. The set has no official division. Photographs 1 to 8 of each person are train, 9 and 10 test: half
    of the training records are then about four of a person, and two test photographs of a person are the fewest that
    show whether a network recognises the person and not one picture.

    Raises:
        UserError: a file is missing, of another size, or not an image.

    """
    numbers = range(PHOTOGRAPHS)
    parts = (numbers[:TRAIN_PHOTOGRAPHS], numbers[TRAIN_PHOTOGRAPHS:])
    records = [(person, number) for part in parts for person in range(PEOPLE) for number in part]
    return RawDataset(
        _images(source, records),
        [person for person, _ in records],
        official_train=PEOPLE * TRAIN_PHOTOGRAPHS,
        classes=PEOPLE,
    )


def read_orl_reid(source: Source) -> RawDataset:
    """Read the same images: 300 train records of people 1 to 30, then 30 queries and 70 gallery records.

    Queries are photographs 1 to 3 of people 31 to 40. The gallery is in order of the photograph, so that its last
    records show every person.

    Raises:
        UserError: a file is missing, of another size, or not an image.

    """
    numbers = range(PHOTOGRAPHS)
    test_people = range(TRAIN_PEOPLE, PEOPLE)
    records = [
        *[(person, number) for person in range(TRAIN_PEOPLE) for number in numbers],
        *[(person, number) for person in test_people for number in numbers[:QUERIES]],
        *[(person, number) for number in numbers[QUERIES:] for person in test_people],
    ]
    return RawDataset(
        _images(source, records),
        [person for person, _ in records],
        official_train=TRAIN_PEOPLE * PHOTOGRAPHS,
        classes=TRAIN_PEOPLE,
        cameras=[number for _, number in records],
        queries=len(test_people) * QUERIES,
    )


def _images(source: Source, records: Records) -> Array:
    """Decode photographs in the order of the records: uint8 [N, 1, 64, 64]."""
    root = source.supplied_folder("orl-faces", SOURCE)
    return decode_all(_face, [_file(root / f"s{person + 1}", number + 1) for person, number in records])


def _file(folder: Path, number: int) -> Path:
    path = next((path for suffix in ("png", "pgm") if (path := folder / f"{number}.{suffix}").is_file()), None)
    if path is None:
        raise UserError(f"{folder / str(number)}.png: the file is missing in this copy, expected {SOURCE.layout}")
    return path


def _face(path: Path) -> Image.Image:
    image = open_image(path, path, "L")
    if image.size != (WIDTH, HEIGHT):
        raise UserError(f"{path}: found {image.width}x{image.height} pixels, allowed {WIDTH}x{HEIGHT}")
    top = (HEIGHT - WIDTH) // 2
    return image.crop((0, top, WIDTH, top + WIDTH)).resize((SIDE, SIDE), Image.Resampling.BILINEAR)


METHODS = (
    DatasetInfo(
        name="orl-faces",
        channels=1,
        size=SIDE,
        classes=PEOPLE,
        train_records=PEOPLE * TRAIN_PHOTOGRAPHS,
        test_records=PEOPLE * (PHOTOGRAPHS - TRAIN_PHOTOGRAPHS),
        read=read_orl_faces,
        source=SOURCE,
    ),
    DatasetInfo(
        name="orl-reid",
        channels=1,
        size=SIDE,
        classes=TRAIN_PEOPLE,
        train_records=TRAIN_PEOPLE * PHOTOGRAPHS,
        test_records=(PEOPLE - TRAIN_PEOPLE) * PHOTOGRAPHS,
        read=read_orl_reid,
        source=SOURCE,
        identities=True,
        query_cameras=QUERIES,
    ),
)
