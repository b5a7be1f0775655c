"""Tiny ImageNet: 200 classes of ImageNet at 64x64, from the public archive."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from privprune.datasets.catalogue import DatasetInfo
from privprune.datasets.decoding import decode_all, open_image
from privprune.datasets.download import downloading
from privprune.datasets.raw import RawDataset
from privprune.datasets.sources import Source, SourceInfo
from privprune.errors import UserError

FOLDER = "tiny-imagenet-200"
ARCHIVE = f"{FOLDER}.zip"
URL = f"http://cs231n.stanford.edu/{ARCHIVE}"
MD5 = "90528d7ca1a48142e341f4ef8d21d0de"
TERMS = "a part of ImageNet, for non-commercial research and education"
SIDE = 64  # pixels
Files = list[tuple[str, int]]  # (name below FOLDER, label) of each record


def read_tiny_imagenet(source: Source) -> RawDataset:
    """Read Tiny ImageNet: 100,000 + 10,000 colour images, uint8 [110000, 3, 64, 64], 1.4 GB.

    A class is the position of its wnid in sorted order. The folder `val` is used as the test set, since the labels of
    the official test set were never published. Training records are in order of their class, test records in the order
    of `val_annotations.txt`. Grey files become three equal channels.

    Raises:
        UserError: it is missing and cannot be downloaded, its checksum differs, or a part of it is missing or damaged.

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


def _from_archive(path: Path, source: Source) -> RawDataset:
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


def _from_folder(folder: Path, source: Source) -> RawDataset:
    if source.accept == "verified":
        raise UserError(
            f"{folder.parent / ARCHIVE}: the file is missing, and the official checksum is that of the archive; put it "
            f"beside {FOLDER}, or set `accept: as_found` for this data set, and every table that uses it will say so"
        )
    names = [path.relative_to(folder).as_posix() for path in folder.glob("train/*/images/*")]
    note = "tiny-imagenet accepted as found (an unpacked copy)"
    return _dataset(folder, names, lambda name: (folder / name).read_bytes(), note)


def _dataset(path: Path, names: list[str], contents: Callable[[str], bytes], note: str) -> RawDataset:
    """Read all records.

    Args:
        path: the archive or folder, for messages.
        names: of all files, below FOLDER.
        contents: reads the file of a name.
        note: of the dataset.

    """

    def read(name: str) -> bytes:
        try:
            return contents(name)
        except (OSError, KeyError, RuntimeError):  # RuntimeError: an encrypted archive
            raise UserError(f"{path}: holds no readable {name}; complete the copy, or remove it") from None

    train = _train(path, names)
    test = _validation(path, read("val/val_annotations.txt"), sorted({name.split("/")[1] for name, _ in train}))

    def picture(name: str) -> Image.Image:
        image = open_image(read(name), f"{path}: {name}", "RGB")
        if image.size != (SIDE, SIDE):
            raise UserError(f"{path}: {name}: found {image.width}x{image.height} pixels, allowed {SIDE}x{SIDE}")
        return image

    return RawDataset(
        decode_all(picture, [name for name, _ in train + test]),
        [label for _, label in train + test],
        official_train=len(train),
        classes=max(label for _, label in train) + 1,
        note=note,
    )


def _train(path: Path, names: list[str]) -> Files:
    """Return `train/<wnid>/images/*.JPEG`, sorted, with their labels."""
    images = sorted(name for name in names if name.startswith("train/") and name.endswith(".JPEG"))
    if not images:
        raise UserError(f"{path}: no images here, expected train/<wnid>/images/*.JPEG")
    wnids = sorted({name.split("/")[1] for name in images})
    label = {wnid: position for position, wnid in enumerate(wnids)}
    return [(name, label[name.split("/")[1]]) for name in images]


def _validation(path: Path, annotations: bytes, wnids: list[str]) -> Files:
    """Return `val/images/*.JPEG` with their labels, from lines of file, wnid and the four sides of a box."""
    label = {wnid: position for position, wnid in enumerate(wnids)}
    records = []
    for number, line in enumerate(annotations.decode(errors="replace").splitlines(), 1):
        file, wnid, *_ = [*line.split("\t"), "", ""]
        if wnid not in label:
            raise UserError(f"{path}: val/val_annotations.txt: line {number} names {wnid or 'no class'}, not in train")
        records.append((f"val/images/{file}", label[wnid]))
    if not records:
        raise UserError(f"{path}: val/val_annotations.txt: is empty, expected a line for each image")
    return records


METHOD = DatasetInfo(
    name="tiny-imagenet",
    channels=3,
    size=SIDE,
    classes=200,
    train_records=100_000,
    test_records=10_000,
    read=read_tiny_imagenet,
    source=SourceInfo(
        "downloaded",
        "http://cs231n.stanford.edu, for non-commercial research and education",
        (ARCHIVE, FOLDER),
        ARCHIVE,
    ),
)
