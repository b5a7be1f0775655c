"""MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100: the files, checksums and addresses that torchvision knows.

A copy in torchvision's layout is used as it is; a CIFAR archive need not be unpacked. Every file is read once, and its
checksum is verified before anything in it is interpreted.
"""

from __future__ import annotations

import gzip
import struct
import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from privprune.datasets.catalogue import DatasetInfo
from privprune.datasets.download import downloading
from privprune.datasets.pickles import load_plain
from privprune.datasets.raw import Array, RawDataset
from privprune.datasets.sources import Source, SourceInfo
from privprune.errors import UserError

# torchvision is imported inside the functions that need it: the import takes seconds, and only the stage fetch needs it
Bytes = dict[str, bytes]


def read_mnist(source: Source) -> RawDataset:
    """Read MNIST: 60,000 + 10,000 grey images of 28x28."""
    from torchvision.datasets import MNIST  # noqa: PLC0415

    return _idx_set("mnist", MNIST, source, "Creative Commons BY-SA 3.0, Yann LeCun and Corinna Cortes")


def read_fashion_mnist(source: Source) -> RawDataset:
    """Read Fashion-MNIST: 60,000 + 10,000 grey images of 28x28."""
    from torchvision.datasets import FashionMNIST  # noqa: PLC0415

    return _idx_set("fashion-mnist", FashionMNIST, source, "MIT licence, Zalando SE")


def read_cifar10(source: Source) -> RawDataset:
    """Read CIFAR-10: 50,000 + 10,000 colour images of 32x32."""
    from torchvision.datasets import CIFAR10  # noqa: PLC0415

    return _cifar_set("cifar10", CIFAR10, source, b"labels", 10)


def read_cifar100(source: Source) -> RawDataset:
    """Read CIFAR-100 with its fine labels: 50,000 + 10,000 colour images of 32x32."""
    from torchvision.datasets import CIFAR100  # noqa: PLC0415

    return _cifar_set("cifar100", CIFAR100, source, b"fine_labels", 100)


# --------------------------------------------------------------------------------------------- MNIST and Fashion-MNIST


def _idx_set(name: str, kind: Any, source: Source, terms: str) -> RawDataset:
    layout = f"{kind.__name__}/raw"
    root = source.folder_with(layout)
    if root is None:
        with downloading(name, kind.mirrors[0], terms, layout, source.downloads) as partial:
            kind(root=partial, download=True)
        root = source.downloads
    parts, unverified = [], 0
    for file, md5 in kind.resources:  # train images, train labels, test images, test labels
        content, verified = _idx_file(root / layout / file, md5, source)
        parts.append(_idx(content, root / layout / file))
        unverified += not verified
    for images, labels in (parts[:2], parts[2:]):
        _check_records(f"{root / layout}", images, labels, (28, 28), classes=10)
    images, labels = np.concatenate(parts[::2])[:, None], np.concatenate(parts[1::2])
    return RawDataset(
        images,
        labels,
        official_train=len(parts[1]),
        classes=10,
        note=_note(name, unverified, len(kind.resources)),
    )


def _idx_file(packed: Path, md5: str, source: Source) -> tuple[bytes, bool]:
    """Return the unpacked content of one file, and whether it has the official checksum."""
    if packed.is_file():
        content = packed.read_bytes()
        verified = source.verified(str(packed), content, md5)
        try:
            return gzip.decompress(content), verified
        except (OSError, EOFError, zlib.error) as broken:
            raise UserError(f"{packed}: not readable as gzip ({broken})") from None
    unpacked = packed.with_suffix("")
    if not unpacked.is_file():
        raise UserError(f"{packed}: the file is missing in this copy; complete the copy, or remove {packed.parent}")
    if source.accept == "verified":
        raise UserError(
            f"{packed}: the file is missing, and the official checksums are those of the packed files; put it beside "
            f"{unpacked.name}, or set `accept: as_found` for this data set, and every table that uses it will say so"
        )
    return unpacked.read_bytes(), False


def _idx(content: bytes, path: Path) -> Array:
    """Read the IDX format: two zeros, type 8 (unsigned byte), number of axes, big-endian sizes, data."""
    try:
        zeros, kind, axes = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{axes}I", content, 4)
        data = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
        if (zeros, kind) == (0, 8):
            return data.reshape(shape)
    except (struct.error, ValueError):
        pass
    raise UserError(f"{path}: not an IDX file of unsigned bytes, or cut short")


# ---------------------------------------------------------------------------------------------------------------- CIFAR


def _cifar_set(name: str, kind: Any, source: Source, label_key: bytes, classes: int) -> RawDataset:
    terms = "free, its authors ask to cite Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009"
    root = source.folder_with(kind.base_folder, kind.filename)
    if root is None:
        from torchvision.datasets.utils import download_url  # noqa: PLC0415

        with downloading(name, kind.url, terms, kind.filename, source.downloads) as partial:
            download_url(kind.url, partial, kind.filename, kind.tgz_md5)
        root = source.downloads
    folder = root / kind.base_folder
    wanted = dict(kind.train_list + kind.test_list)
    contents = _from_folder(folder, wanted) if folder.is_dir() else _from_archive(root, kind, wanted)
    unverified = sum(not source.verified(str(folder / file), contents[file], md5) for file, md5 in wanted.items())
    batches = {file: _batch(content, f"{folder / file}", label_key, classes) for file, content in contents.items()}
    images = np.concatenate([batches[file][0] for file in wanted]).reshape(-1, 3, 32, 32)
    labels = np.concatenate([batches[file][1] for file in wanted])
    train = sum(len(batches[file][1]) for file, _ in kind.train_list)
    notes = [_note(name, unverified, len(wanted))]
    if unverified and (folder / "inexact.txt").is_file():
        inexact = _inexact(folder / "inexact.txt", len(labels))
        exact = np.setdiff1d(np.arange(len(labels)), inexact)
        images, labels, train = images[exact], labels[exact], int(np.sum(exact < train))
        if not 0 < train < len(labels):
            lost = "test" if train else "training"
            raise UserError(f"{folder / 'inexact.txt'}: found every {lost} record, allowed a list that leaves some")
        notes.append(f"{len(inexact)} inexact records dropped")
    if any(batches[file][2] for file, _ in kind.train_list):
        notes.append("train file names are placeholders")
    return RawDataset(
        images,
        labels,
        official_train=train,
        classes=classes,
        note=", ".join(filter(None, notes)),
    )


def _from_folder(folder: Path, wanted: dict[str, str]) -> Bytes:
    for file in wanted:
        if not (folder / file).is_file():
            raise UserError(f"{folder / file}: the file is missing in this copy; complete the copy, or remove {folder}")
    return {file: (folder / file).read_bytes() for file in wanted}


def _from_archive(root: Path, kind: Any, wanted: dict[str, str]) -> Bytes:
    """Read the wanted files out of the archive in one pass; nothing is unpacked to disk."""
    path, contents = root / kind.filename, {}
    names = {f"{kind.base_folder}/{file}": file for file in wanted}
    try:
        with tarfile.open(path, "r|gz") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.name in names else None
                if content is not None:
                    contents[names[member.name]] = content.read()
    except (OSError, EOFError, zlib.error, tarfile.TarError) as broken:
        raise UserError(f"{path}: not readable as an archive ({broken}), replace or remove it") from None
    for file in wanted:
        if file not in contents:
            raise UserError(f"{path}: holds no {kind.base_folder}/{file}, replace or remove it")
    return contents


def _batch(content: bytes, name: str, label_key: bytes, classes: int) -> tuple[Array, Array, bool]:
    """Return images uint8 [n, 3072], labels int64 [n], and whether the file names are only `train_` and a number."""
    batch = load_plain(content, name)
    try:
        images, labels = np.asarray(batch[b"data"]), _whole_numbers(batch[label_key])
        names = batch.get(b"filenames", [])
        placeholders = bool(names) and all(text[:6] == b"train_" and text[6:11].isdigit() for text in names)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as broken:
        raise UserError(f"{name}: not a batch of CIFAR images ({type(broken).__name__}: {broken})") from None
    _check_records(name, images, labels, (3072,), classes)
    return images, labels, placeholders


def _whole_numbers(labels: Any) -> Array:
    """Return labels as int64.

    Raises:
        ValueError: one is not an integer; NumPy would cut 1.5 off to 1, and read a text.

    """
    found = np.asarray(labels)
    if found.size and found.dtype.kind not in "iu":
        raise ValueError(f"found labels of the type {found.dtype}, allowed integers")
    return found.astype(np.int64)


def _inexact(path: Path, records: int) -> Array:
    """Read the positions of inexact records, one per line, counted over train and then test; sorted."""
    try:
        found = np.unique([int(line) for line in path.read_text().split()])
    except ValueError as broken:
        raise UserError(f"{path}: allowed one record number a line ({broken})") from None
    if len(found) and not 0 <= found[0] <= found[-1] < records:
        raise UserError(f"{path}: found record {found[0]} to {found[-1]}, allowed 0 to {records - 1}")
    return found


# ----------------------------------------------------------------------------------------------------------------- both


def _check_records(name: str, images: Array, labels: Array, shape: tuple[int, ...], classes: int) -> None:
    """Refuse images of another shape, numbers of labels that differ, and labels beyond the classes.

    Only files that were accepted as found can have them.
    """
    if images.dtype != np.uint8 or labels.ndim != 1 or not len(labels) or images.shape != (len(labels), *shape):
        raise UserError(
            f"{name}: found images {images.dtype} {list(images.shape)} with labels {list(labels.shape)}, "
            f"allowed uint8 [n, {', '.join(map(str, shape))}] with labels [n]"
        )
    if not 0 <= labels.min() <= labels.max() < classes:
        raise UserError(f"{name}: found labels {labels.min()} to {labels.max()}, allowed 0 to {classes - 1}")


def _note(name: str, unverified: int, files: int) -> str:
    return f"{name} accepted as found ({unverified} of {files} files are not the official ones)" if unverified else ""


# --------------------------------------------------------------------------------------------------------- declarations


def _source(folder: str, layout: str) -> SourceInfo:
    paths = (folder, layout) if layout.endswith(".tar.gz") else (folder,)
    return SourceInfo("downloaded", "the addresses that torchvision knows", paths, layout)


METHODS = (
    DatasetInfo(
        name="mnist",
        channels=1,
        size=28,
        classes=10,
        train_records=60_000,
        test_records=10_000,
        read=read_mnist,
        source=_source("MNIST/raw", "MNIST/raw/*-ubyte.gz"),
    ),
    DatasetInfo(
        name="fashion-mnist",
        channels=1,
        size=28,
        classes=10,
        train_records=60_000,
        test_records=10_000,
        read=read_fashion_mnist,
        source=_source("FashionMNIST/raw", "FashionMNIST/raw/*-ubyte.gz"),
    ),
    DatasetInfo(
        name="cifar10",
        channels=3,
        size=32,
        classes=10,
        train_records=50_000,
        test_records=10_000,
        read=read_cifar10,
        source=_source("cifar-10-batches-py", "cifar-10-python.tar.gz"),
    ),
    DatasetInfo(
        name="cifar100",
        channels=3,
        size=32,
        classes=100,
        train_records=50_000,
        test_records=10_000,
        read=read_cifar100,
        source=_source("cifar-100-python", "cifar-100-python.tar.gz"),
    ),
)
