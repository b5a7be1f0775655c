"""Tiny ImageNet: 200 classes of ImageNet at 64x64, out of the public archive."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image

from privprune.datasets.dataset import Dataset
from privprune.datasets.decoding import decoded, open_image
from privprune.datasets.download import downloading
from privprune.datasets.source import Source
from privprune.errors import UserError

FOLDER = "tiny-imagenet-200"
ARCHIVE = f"{FOLDER}.zip"
URL = f"http://cs231n.stanford.edu/{ARCHIVE}"
MD5 = "90528d7ca1a48142e341f4ef8d21d0de"
TERMS = "a part of ImageNet, for non-commercial research and education"
SIDE = 64  # pixels
Files = list[tuple[str, int]]  # name below FOLDER, label


def tiny_imagenet(source: Source) -> Dataset:
    """Read Tiny ImageNet: 100,000 + 10,000 colour images, uint8 [110000, 3, 64, 64], 1.4 GB.

    A class is the position of its wnid in sorted order. The folder `val` takes the place of the test set, whose labels
    were never published. Training records come class by class, test records in the order of `val_annotations.txt`.
    Grey files become three equal channels.

    Raises:
        UserError: it is missing and cannot be had, its checksum differs, or a part of it is missing or damaged.

    """
    root = next((root for root in source.existing if (root / ARCHIVE).is_file() or (root / FOLDER).is_dir()), None)
    if root is None:
        from torchvision.datasets.utils import download_url  # noqa: PLC0415 (slow to import)

        with downloading("tiny-imagenet", URL, TERMS, ARCHIVE, source.downloads) as partial:
            download_url(URL, partial, ARCHIVE, MD5)
        root = source.downloads
    if (root / ARCHIVE).is_file():
        return _from_archive(root / ARCHIVE, source)
    return _from_folder(root / FOLDER, source)


def _from_archive(path: Path, source: Source) -> Dataset:
    """Read the archive without unpacking it to disk."""
    content = path.read_bytes()
    verified = source.verified(str(path), content, MD5)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [name.removeprefix(f"{FOLDER}/") for name in archive.namelist()]
            note = "" if verified else "tiny-imagenet accepted as found (the archive is not the official one)"
            return _dataset(path, names, lambda name: archive.read(f"{FOLDER}/{name}"), note)
    except (zipfile.BadZipFile, zlib.error, EOFError) as broken:
        raise UserError(f"{path}: not readable as an archive ({broken}), replace or remove it") from None


def _from_folder(folder: Path, source: Source) -> Dataset:
    if source.accept == "verified":
        raise UserError(
            f"{folder.parent / ARCHIVE}: the file is missing, and the official checksum is that of the archive; put it "
            f"beside {FOLDER}, or set `accept: as_found` for this data set, and every table that uses it will say so"
        )
    names = [path.relative_to(folder).as_posix() for path in folder.glob("train/*/images/*")]
    note = "tiny-imagenet accepted as found (an unpacked copy)"
    return _dataset(folder, names, lambda name: (folder / name).read_bytes(), note)


def _dataset(place: Path, names: list[str], contents: Callable[[str], bytes], note: str) -> Dataset:
    """Put the set together from the names of its files and what reads one."""

    def read(name: str) -> bytes:
        try:
            return contents(name)
        except (OSError, KeyError, RuntimeError):  # RuntimeError: an encrypted archive
            raise UserError(f"{place}: holds no readable {name}; complete the copy, or remove it") from None

    train = _train(place, names)
    test = _validation(place, read("val/val_annotations.txt"), sorted({name.split("/")[1] for name, _ in train}))

    def picture(name: str) -> Image.Image:
        image = open_image(read(name), f"{place}: {name}", "RGB")
        if image.size != (SIDE, SIDE):
            raise UserError(f"{place}: {name}: found {image.width}x{image.height} pixels, allowed {SIDE}x{SIDE}")
        return image

    labels = torch.tensor([label for _, label in train + test])
    images = decoded(picture, [name for name, _ in train + test])
    classes = int(labels[: len(train)].max()) + 1
    return Dataset.of("tiny-imagenet", images, labels, official_train=len(train), classes=classes, note=note)


def _train(place: Path, names: list[str]) -> Files:
    """Return `train/<wnid>/images/*.JPEG`, sorted, with their labels."""
    found = sorted(name for name in names if name.startswith("train/") and name.endswith(".JPEG"))
    if not found:
        raise UserError(f"{place}: no images here, expected train/<wnid>/images/*.JPEG")
    wnids = sorted({name.split("/")[1] for name in found})
    label = {wnid: position for position, wnid in enumerate(wnids)}
    return [(name, label[name.split("/")[1]]) for name in found]


def _validation(place: Path, annotations: bytes, wnids: list[str]) -> Files:
    """Return `val/images/*.JPEG` with their labels, from lines of file, wnid and the four sides of a box."""
    label = {wnid: position for position, wnid in enumerate(wnids)}
    found = []
    for number, line in enumerate(annotations.decode(errors="replace").splitlines(), 1):
        file, wnid, *_ = [*line.split("\t"), "", ""]
        if wnid not in label:
            raise UserError(f"{place}: val/val_annotations.txt: line {number} names {wnid or 'no class'}, not in train")
        found.append((f"val/images/{file}", label[wnid]))
    if not found:
        raise UserError(f"{place}: val/val_annotations.txt: is empty, expected a line for each image")
    return found
