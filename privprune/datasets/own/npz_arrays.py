"""Arrays of images or of vectors in an NPZ file, as `numpy.savez` writes it."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from privprune.datasets.catalogue import DatasetInfo
from privprune.datasets.own_format import DrawnSplit, OwnFormat, OwnSettings, check_bytes, check_classes
from privprune.datasets.raw import Array, RawDataset
from privprune.datasets.sources import Source, SourceInfo
from privprune.datasets.tables import LARGEST, class_numbers, standardised
from privprune.errors import UserError, shown

_PARTS = ("train_", "test_")
_LAYOUT = (
    "train_images, train_labels, test_images, test_labels, or images and labels with `split`; features for images "
    "where records are vectors"
)
_PIXELS = ("uint8", "uint16")
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class _Header(NamedTuple):
    """What an array's file says before its values."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]


@dataclass(frozen=True, kw_only=True)
class ArraysSettings(OwnSettings):
    """An entry for arrays in an NPZ file.

    The file has `train_images`, `train_labels`, `test_images` and `test_labels`, or `images` and `labels` with `split`.
    Images are uint8 or uint16 (the upper eight bits count), square: [N, side, side], [N, side, side, channels] or
    [N, channels, side, side] with 1 or 3 channels. Labels are integers or texts, [N] or [N, 1]. For records that are
    vectors, `features` stand in the place of `images`: numbers, [N, D], which are standardised. Other arrays of the
    file are not read.

    Attributes:
        split: how test records are drawn; null where the file has arrays of training and of test records.

    """

    name: Literal["npz"]
    split: DrawnSplit | None = None

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What the names of arrays begin with, one for each part of the file."""
        return _PARTS if self.split is None else ("",)

    def describe(self) -> DatasetInfo:
        """Read the arrays' shapes and the labels."""
        headers = _headers(self.location)
        kind = "features" if f"{self.prefixes[0]}features" in headers else "images"
        names = [f"{prefix}{part}" for prefix in self.prefixes for part in (kind, "labels")]
        missing = next((name for name in names if name not in headers), None)
        if missing is not None:
            raise UserError(f"path: {self.path}: found no array {missing} ({', '.join(headers)}), allowed {_LAYOUT}")
        data = [headers[name] for name in names[::2]]
        shape = _record_shape(self.path, kind, names[::2], data)
        counts = [header.shape[0] for header in data]
        labels = _labels(self.location, names[1::2], counts)
        train, test = self._parts(labels, counts[0])
        check_classes(*(Counter(labels[record] for record in part) for part in (train, test)))
        check_bytes("path", len(labels), int(np.prod(shape)) * (4 if kind == "features" else 1))
        return DatasetInfo(
            name=self.name,
            channels=shape[0],
            size=shape[1],
            classes=len(set(labels)),
            train_records=len(train),
            test_records=len(test),
            read=partial(_read, self.location, names[::2], labels, (train, test)),
            source=SourceInfo("user_supplied", "you", (self.path,), _LAYOUT),
            vectors=kind == "features",
        )

    def _parts(self, labels: list[str], first: int) -> tuple[Array, Array]:
        """Return the positions of training and of test records, the first of which are those of the first array."""
        if self.split is not None:
            return self.split.parts(np.array(labels))
        return np.arange(first), np.arange(first, len(labels))


@contextmanager
def _in_one_line(path: Path) -> Iterator[None]:
    """Turn what is wrong with a file into one line."""
    try:
        yield
    except UserError:
        raise
    except Exception as failure:  # archives from anywhere raise anything: BadZipFile, zlib.error, EOFError, ValueError
        reason = " ".join(str(failure).split()) or type(failure).__name__
        raise UserError(f"path: {path}: not readable as an NPZ file ({reason}), allowed {_LAYOUT}") from failure


def _headers(path: Path) -> dict[str, _Header]:
    """Return name -> header of each array, whose values are not read.

    Raises:
        UserError: the file is missing or is not an NPZ file.

    """
    if not path.is_file():
        raise UserError(f"path: found {path}, allowed an NPZ file with {_LAYOUT}")
    found = {}
    with _in_one_line(path), zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            with archive.open(name) as file:
                shape, _, dtype = _HEADERS[np.lib.format.read_magic(file)](file)
            found[name.removesuffix(".npy")] = _Header(shape, dtype)
    return found


def _record_shape(path: str, kind: str, names: list[str], headers: list[_Header]) -> tuple[int, int, int]:
    """Return channels, height and width of the records; those of a vector of D numbers are D, 1, 1.

    Raises:
        UserError: an array has another shape or type than allowed, or no record, or two arrays have records of other
            shapes.

    """
    shapes = []
    for name, (shape, dtype) in zip(names, headers, strict=True):
        made = _vector_shape(shape, dtype) if kind == "features" else _image_shape(shape, dtype)
        if made is None or not all((*shape, *made)):
            allowed = "numbers, [N, D]" if kind == "features" else "uint8 or uint16, [N, side, side] with or without "
            allowed += "" if kind == "features" else "1 or 3 channels"
            raise UserError(f"path: {path}: {name}: found {dtype}, {list(shape)}, allowed {allowed}")
        shapes.append(made)
    if len(set(shapes)) > 1:
        raise UserError(
            f"path: {path}: found records {shapes[0]} in {names[0]} and {shapes[1]} in {names[1]}, allowed one shape"
        )
    return shapes[0]


def _vector_shape(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> tuple[int, int, int] | None:
    return (shape[1], 1, 1) if len(shape) == 2 and dtype.kind in "iufb" else None


def _image_shape(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> tuple[int, int, int] | None:
    if dtype.name not in _PIXELS or len(shape) not in (3, 4):
        return None
    height, width = (shape[1], shape[2]) if len(shape) == 3 or shape[3] in (1, 3) else (shape[2], shape[3])
    channels = 1 if len(shape) == 3 else shape[3] if shape[3] in (1, 3) else shape[1]
    return (channels, height, width) if height == width and channels in (1, 3) else None


def _labels(path: Path, names: list[str], counts: list[int]) -> list[str]:
    """Return the labels of all records as texts.

    Raises:
        UserError: they are neither integers nor texts, or another number than the records, or one is not UTF-8.

    """
    labels: list[str] = []
    with _in_one_line(path), np.load(path, allow_pickle=False) as arrays:
        for name, count in zip(names, counts, strict=True):
            values = arrays[name]
            if values.dtype.kind not in "iubU" or values.shape not in ((count,), (count, 1)):
                raise UserError(
                    f"path: {path}: {name}: found {values.dtype}, {list(values.shape)}, allowed integers or texts, "
                    f"[{count}]"
                )
            texts = [str(value) for value in values.ravel().tolist()]
            _check_encoding(texts, f"path: {path}: {name}")
            labels += texts
    return labels


def _check_encoding(texts: list[str], where: str) -> None:
    """Refuse a text that no file can contain: NumPy stores half a surrogate pair as a character."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError as broken:
        raise UserError(f"{where}: found the character {shown(broken.object[broken.start])}, allowed UTF-8") from None


def _read(path: Path, names: list[str], labels: list[str], parts: tuple[Array, Array], _source: Source) -> RawDataset:
    """Read all records, the training records first.

    Raises:
        UserError: the file is damaged, or a vector has a number that is not finite.

    """
    with _in_one_line(path), np.load(path, allow_pickle=False) as arrays:
        records = np.concatenate([arrays[name] for name in names])
    order = np.concatenate(parts)
    numbers, classes = class_numbers(labels)
    values = _vectors(records, parts[0], path) if names[0].endswith("features") else _pixels(records)
    return RawDataset(
        np.ascontiguousarray(values[order]),
        numbers[order],
        official_train=len(parts[0]),
        classes=len(classes),
        class_names=classes,
    )


def _pixels(records: Array) -> Array:
    """Return images as uint8 [N, channels, side, side]."""
    if records.dtype.name == "uint16":
        records = ((records.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if records.ndim == 3:
        return records[:, None]
    return records.transpose(0, 3, 1, 2) if records.shape[3] in (1, 3) else records


def _vectors(records: Array, train: Array, path: Path) -> Array:
    """Return vectors standardised by the training records, float32 [N, D, 1, 1]."""
    values = records.astype(np.float64)
    wrong = np.argwhere(~(np.abs(values) <= LARGEST))
    if len(wrong):
        row, column = wrong[0]
        raise UserError(
            f"path: {path}: features: found {values[row, column]} in record {row}, column {column}, allowed numbers "
            f"from {-LARGEST:g} to {LARGEST:g}"
        )
    return standardised(values, train)[:, :, None, None]


METHOD = OwnFormat(ArraysSettings)
