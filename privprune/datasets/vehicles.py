"""VeRi-776 and VERI-Wild from the user's own copy, in their owners' layout; the images stay where they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from privprune.datasets.class_folders import users_folder
from privprune.datasets.dataset import Dataset
from privprune.datasets.folder_images import FolderImages
from privprune.datasets.source import Source
from privprune.datasets.sources import WHEREABOUTS
from privprune.errors import UserError

SIDE = 256  # pixels; whole pictures are resized to squares, as in fast-reid's recipe
VERI, WILD_FOLDER = WHEREABOUTS["veri776"], WHEREABOUTS["veri-wild-small"]
_NAME = re.compile(r"(?P<vehicle>\d+)_c(?P<camera>\d+)")


@dataclass(frozen=True)
class Picture:
    """One picture: its file below the set's folder, which vehicle it shows, by which camera."""

    file: str
    vehicle: int
    camera: int


@dataclass(frozen=True)
class Parts:
    """Numbers of pictures that a complete copy holds."""

    train: int
    query: int
    gallery: int

    def __str__(self) -> str:
        return f"{self.train:,} train, {self.query:,} query and {self.gallery:,} gallery images"


VERI776 = Parts(37_778, 1_678, 11_579)  # fast-reid; the authors' read-me
WILD = {  # test identities -> fast-reid, the authors' read-me: the gallery is what is left of 41,861, 69,389, 138,517
    3_000: Parts(277_797, 3_000, 38_861),
    5_000: Parts(277_797, 5_000, 64_389),
    10_000: Parts(277_797, 10_000, 128_517),
}


def veri776(source: Source) -> Dataset:
    """List the images of VeRi-776: 576 training vehicles and 200 others, 20 cameras, resized to 256 x 256.

    The gallery holds the queries' own files again, which the standard exclusion leaves out. Here they come first in it,
    so that an attacker who knows the first test records has seen none of the last ones under another name.

    Raises:
        UserError: the folder or a part of it is missing, a name says no camera, or, where only verified copies are
            accepted, images are missing.

    """
    root = users_folder(source, "veri776", "VeRi", VERI.layout, VERI.origin)
    train, query, gallery = (_named(root, part) for part in ("image_train", "image_query", "image_test"))
    copies = {Path(picture.file).name for picture in query}
    gallery.sort(key=lambda picture: Path(picture.file).name not in copies)
    note = _checked(root, VERI776, (train, query, gallery), source)
    return _dataset("veri776", root, (train, query, gallery), note)


def veri_wild_small(source: Source) -> Dataset:
    """List the images of VERI-Wild with its small test set: 30,671 training vehicles, 3,000 others; see `_wild`."""
    return _wild(source, "veri-wild-small", 3_000)


def veri_wild_medium(source: Source) -> Dataset:
    """List the images of VERI-Wild with its medium test set, 5,000 vehicles; see `_wild`."""
    return _wild(source, "veri-wild-medium", 5_000)


def veri_wild_large(source: Source) -> Dataset:
    """List the images of VERI-Wild with its large test set, 10,000 vehicles; see `_wild`."""
    return _wild(source, "veri-wild-large", 10_000)


def _wild(source: Source, name: str, identities: int) -> Dataset:
    """List the images of `train_list.txt`, `test_<n>_query.txt` and `test_<n>.txt`, resized to 256 x 256.

    Cameras come from `vehicle_info.txt`.

    Raises:
        UserError: the folder, a list or an image is missing, or an image has no camera.

    """
    root = users_folder(source, name, "VERI-Wild", WILD_FOLDER.layout, WILD_FOLDER.origin)
    lists = root / "train_test_split"
    cameras = _cameras(lists / "vehicle_info.txt")
    files = ("train_list.txt", f"test_{identities}_query.txt", f"test_{identities}.txt")
    train, query, gallery = (_listed(lists / file, cameras) for file in files)
    note = _checked(root, WILD[identities], (train, query, gallery), source)
    for picture in (*train, *query, *gallery):
        if not (root / picture.file).is_file():
            raise UserError(f"{root / picture.file}: the image is missing in this copy, expected {WILD_FOLDER.layout}")
    return _dataset(name, root, (train, query, gallery), note)


def _named(root: Path, part: str) -> list[Picture]:
    """Read vehicle and camera from the names of the files of one folder."""
    if not (root / part).is_dir():
        raise UserError(f"{root / part}: the folder is missing, expected {VERI.layout}")
    pictures = []
    for name in sorted(file.name for file in (root / part).iterdir() if file.suffix.lower() == ".jpg"):
        found = _NAME.match(name)
        if found is None:
            raise UserError(f"{root / part / name}: the name says no vehicle and camera, expected {VERI.layout}")
        pictures.append(Picture(f"{part}/{name}", int(found["vehicle"]), int(found["camera"])))
    return pictures


def _listed(path: Path, cameras: dict[str, int]) -> list[Picture]:
    """Read a list of `<vehicle>/<image>` lines."""
    pictures = []
    for line in _lines(path):
        vehicle, _, image = line.removesuffix(".jpg").partition("/")
        if not vehicle.isdigit() or image not in cameras:
            raise UserError(f"{path}: {line}: found no camera of this image in vehicle_info.txt, allowed one for each")
        pictures.append(Picture(f"images/{vehicle}/{image}.jpg", int(vehicle), cameras[image]))
    return pictures


def _cameras(path: Path) -> dict[str, int]:
    """Read the camera of each image from lines `<vehicle>/<image>;<camera>;...` behind a title."""
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
        raise UserError(f"{path}: the list is missing, expected {WILD_FOLDER.layout}") from None
    return [line.strip() for line in content.splitlines() if line.strip()]


def _checked(root: Path, complete: Parts, parts: Sequence[Sequence[Picture]], source: Source) -> str:
    """Hold the counts against those of a complete copy; returns the note of a copy that is accepted as found."""
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


def _dataset(name: str, root: Path, parts: Sequence[Sequence[Picture]], note: str) -> Dataset:
    """Put the parts together: training vehicles are numbered from 0 in ascending order, the others from there on."""
    train, query, gallery = parts
    known = sorted({picture.vehicle for picture in train})
    others = sorted({picture.vehicle for picture in (*query, *gallery)})
    if shared := sorted(set(known) & set(others)):
        raise UserError(f"{root}: vehicle {shared[0]} is in train and test, allowed in one of them")
    number = {vehicle: place for place, vehicle in enumerate([*known, *others])}
    pictures = [*train, *query, *gallery]
    return Dataset.of(
        name,
        FolderImages(root.resolve(), [picture.file for picture in pictures], side=SIDE),
        torch.tensor([number[picture.vehicle] for picture in pictures]),
        official_train=len(train),
        classes=len(known),
        note=note,
        cameras=torch.tensor([picture.camera for picture in pictures]),
        queries=len(query),
    )
