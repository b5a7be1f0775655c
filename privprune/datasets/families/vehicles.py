"""VeRi-776 and VERI-Wild from the user's own copy, in their owners' layout; the images stay where they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from privprune.datasets.catalogue import DatasetInfo
from privprune.datasets.raw import ImageFiles, RawDataset
from privprune.datasets.sources import Source, SourceInfo
from privprune.errors import UserError

SIDE = 256  # pixels; whole pictures are resized to squares, as in fast-reid's recipe
VERI_SOURCE = SourceInfo(
    "user_supplied",
    "its authors (Liu et al., ECCV 2016, https://github.com/JDAI-CV/VeRidataset), by e-mail, for research only",
    ("VeRi",),
    "VeRi/image_train, image_query and image_test with <vehicle>_c<camera>_*.jpg",
)
WILD_SOURCE = SourceInfo(
    "user_supplied",
    "its authors (Lou et al., CVPR 2019, https://github.com/PKU-IMRE/VERI-Wild), on accepting their terms",
    ("VERI-Wild",),
    "VERI-Wild/images/<vehicle>/<image>.jpg and VERI-Wild/train_test_split/*.txt",
)
_NAME = re.compile(r"(?P<vehicle>\d+)_c(?P<camera>\d+)")


@dataclass(frozen=True)
class Picture:
    """One picture: its file below the dataset's folder, the vehicle that it shows, the camera that took it."""

    file: str
    vehicle: int
    camera: int


@dataclass(frozen=True)
class Parts:
    """Numbers of pictures in a copy."""

    train: int
    query: int
    gallery: int

    def __str__(self) -> str:
        return f"{self.train:,} train, {self.query:,} query and {self.gallery:,} gallery images"


# a complete copy, from fast-reid and the authors' read-me
VERI776 = Parts(37_778, 1_678, 11_579)
WILD = {  # by number of test identities; the galleries are 41,861, 69,389 and 138,517 images less the queries
    3_000: Parts(277_797, 3_000, 38_861),
    5_000: Parts(277_797, 5_000, 64_389),
    10_000: Parts(277_797, 10_000, 128_517),
}


def read_veri776(source: Source) -> RawDataset:
    """List the images of VeRi-776: 576 training vehicles and 200 others, 20 cameras, resized to 256 x 256.

    The gallery contains the queries' files again, which the standard rule excludes from the ranking. Here they come
    first in the gallery, so that an attacker that knows the first test records has seen none of the last ones under
    another name.

    Raises:
        UserError: the folder or a part of it is missing, a file name has no camera, or images are missing where only
            verified copies are accepted.

    """
    root = source.supplied_folder("veri776", VERI_SOURCE)
    train, query, gallery = (_named(root, part) for part in ("image_train", "image_query", "image_test"))
    queries = {Path(picture.file).name for picture in query}
    gallery.sort(key=lambda picture: Path(picture.file).name not in queries)
    note = _note(root, VERI776, (train, query, gallery), source)
    return _raw_dataset(root, (train, query, gallery), note)


def read_veri_wild(source: Source, *, name: str, identities: int) -> RawDataset:
    """List the images of VERI-Wild: 30,671 training vehicles and one of three test sets, resized to 256 x 256.

    The lists are `train_list.txt`, `test_<n>_query.txt` and `test_<n>.txt`. Cameras come from `vehicle_info.txt`.

    Args:
        source: where it is looked for.
        name: of the dataset, for the message.
        identities: n, the number of test vehicles: 3,000, 5,000 or 10,000.

    Raises:
        UserError: the folder, a list or an image is missing, or an image has no camera.

    """
    root = source.supplied_folder(name, WILD_SOURCE)
    lists = root / "train_test_split"
    cameras = _cameras(lists / "vehicle_info.txt")
    files = ("train_list.txt", f"test_{identities}_query.txt", f"test_{identities}.txt")
    train, query, gallery = (_listed(lists / file, cameras) for file in files)
    note = _note(root, WILD[identities], (train, query, gallery), source)
    for picture in (*train, *query, *gallery):
        if not (root / picture.file).is_file():
            raise UserError(f"{root / picture.file}: the image is missing in this copy, expected {WILD_SOURCE.layout}")
    return _raw_dataset(root, (train, query, gallery), note)


def _named(root: Path, part: str) -> list[Picture]:
    """Read vehicles and cameras from the file names of one folder."""
    if not (root / part).is_dir():
        raise UserError(f"{root / part}: the folder is missing, expected {VERI_SOURCE.layout}")
    pictures = []
    for name in sorted(file.name for file in (root / part).iterdir() if file.suffix.lower() == ".jpg"):
        parsed = _NAME.match(name)
        if parsed is None:
            raise UserError(f"{root / part / name}: the name says no vehicle and camera, expected {VERI_SOURCE.layout}")
        pictures.append(Picture(f"{part}/{name}", int(parsed["vehicle"]), int(parsed["camera"])))
    return pictures


def _listed(path: Path, cameras: dict[str, int]) -> list[Picture]:
    """Read pictures from a list of lines `<vehicle>/<image>`."""
    pictures = []
    for line in _lines(path):
        vehicle, _, image = line.removesuffix(".jpg").partition("/")
        if not vehicle.isdigit() or image not in cameras:
            raise UserError(f"{path}: {line}: found no camera of this image in vehicle_info.txt, allowed one for each")
        pictures.append(Picture(f"images/{vehicle}/{image}.jpg", int(vehicle), cameras[image]))
    return pictures


def _cameras(path: Path) -> dict[str, int]:
    """Read image -> camera from lines `<vehicle>/<image>;<camera>;...` below a line of titles."""
    cameras = {}
    for line in _lines(path)[1:]:
        name, *facts = line.split(";")
        image = name.partition("/")[2]
        if not image or not facts or not facts[0].strip().isdigit():
            raise UserError(f"{path}: found the line {line[:60]!r}, allowed <vehicle>/<image>;<camera>;...")
        cameras[image] = int(facts[0])
    return cameras


def _lines(path: Path) -> list[str]:
    try:
        content = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        raise UserError(f"{path}: the list is missing, expected {WILD_SOURCE.layout}") from None
    return [line.strip() for line in content.splitlines() if line.strip()]


def _note(root: Path, complete: Parts, parts: Sequence[Sequence[Picture]], source: Source) -> str:
    """Compare the counts with those of a complete copy; the note is empty, or says what an incomplete copy contains.

    Raises:
        UserError: a part is empty, or the copy is incomplete and only verified copies are accepted.

    """
    found = Parts(*map(len, parts))
    if not min(map(len, parts)):
        raise UserError(f"{root}: found {found}, allowed some of each")
    if found == complete:
        return ""
    if source.accept == "verified":
        raise UserError(
            f"{root}: found {found}, expected {complete}; complete the copy, or set `accept: as_found` for this data "
            "set, and every table that uses it will say so"
        )
    return f"not the complete set: {found}"


def _raw_dataset(root: Path, parts: Sequence[Sequence[Picture]], note: str) -> RawDataset:
    """Join train, queries and gallery; training vehicles are numbered from 0 in ascending order, then the others."""
    train, query, gallery = parts
    known = sorted({picture.vehicle for picture in train})
    others = sorted({picture.vehicle for picture in (*query, *gallery)})
    if shared := sorted(set(known) & set(others)):
        raise UserError(f"{root}: vehicle {shared[0]} is in train and test, allowed in one of them")
    number = {vehicle: label for label, vehicle in enumerate([*known, *others])}
    pictures = [*train, *query, *gallery]
    return RawDataset(
        ImageFiles(root.resolve(), [picture.file for picture in pictures], side=SIDE),
        [number[picture.vehicle] for picture in pictures],
        official_train=len(train),
        classes=len(known),
        note=note,
        cameras=[picture.camera for picture in pictures],
        queries=len(query),
    )


METHODS = (
    DatasetInfo(
        name="veri776",
        channels=3,
        size=SIDE,
        classes=576,
        train_records=VERI776.train,
        test_records=VERI776.query + VERI776.gallery,
        read=read_veri776,
        source=VERI_SOURCE,
        identities=True,
    ),
    *(
        DatasetInfo(
            name=name,
            channels=3,
            size=SIDE,
            classes=30_671,
            train_records=WILD[identities].train,
            test_records=WILD[identities].query + WILD[identities].gallery,
            read=partial(read_veri_wild, name=name, identities=identities),
            source=WILD_SOURCE,
            identities=True,
        )
        for name, identities in (("veri-wild-small", 3_000), ("veri-wild-medium", 5_000), ("veri-wild-large", 10_000))
    ),
)
