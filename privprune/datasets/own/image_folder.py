"""A folder of image files, one folder per class."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from PIL import Image

from privprune.datasets.catalogue import DatasetInfo
from privprune.datasets.decoding import decode_all
from privprune.datasets.own_format import DrawnSplit, OwnFormat, OwnSettings, check_bytes, check_classes, in_the_files
from privprune.datasets.pictures import SUFFIXES, square_picture, without_warnings
from privprune.datasets.raw import RawDataset
from privprune.datasets.sources import Source, SourceInfo
from privprune.errors import UserError
from privprune.settings import Range

_SUFFIXES = tuple(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
_PARTS = ("train", "test")
_OF_SYSTEMS = ("thumbs.db", "desktop.ini", "__macosx")  # that file managers leave behind, in lower case
_LAYOUT = "train/<class>/<image> and test/<class>/<image>, or <class>/<image> with `split`"
Classes = dict[str, list[Path]]


@dataclass(frozen=True, kw_only=True)
class FolderSettings(OwnSettings):
    """An entry for a folder of images.

    Attributes:
        size: side of the records, in pixels; the largest central square of each picture is resized to it.
        channels: 1 for grey, 3 for colour; pictures of the other kind are converted.
        split: how test records are drawn from the class folders in `path`; null where `path` has the folders `train`
            and `test`, with class folders in both.

    """

    name: Literal["folder"]
    size: Annotated[int, Range(1, 1024)]
    channels: Literal[1, 3]
    split: DrawnSplit | None = None

    def describe(self) -> DatasetInfo:
        """List the files, and draw the split; no file is opened."""
        try:
            train, test = self._parts()
        except OSError as failure:
            raise UserError(f"path: {failure.filename}: could not be read, {failure.strerror}") from None
        check_classes(_counts(train), _counts(test))
        records = [sum(map(len, part.values())) for part in (train, test)]
        check_bytes("size", sum(records), self.channels * self.size**2)
        return DatasetInfo(
            name=self.name,
            channels=self.channels,
            size=self.size,
            classes=len(train),
            train_records=records[0],
            test_records=records[1],
            read=partial(_read, self, train, test),
            source=SourceInfo("user_supplied", "you", (self.path,), _LAYOUT),
        )

    def _parts(self) -> tuple[Classes, Classes]:
        """Return the files of training and of test records by class."""
        root = self.location
        if not root.is_dir():
            raise UserError(f"path: found {self.path}, allowed an existing folder of {_LAYOUT}")
        has_parts = [(root / part).is_dir() for part in _PARTS]
        if self.split is None:
            if not all(has_parts):
                raise UserError(f"path: {root}: found no folder {_PARTS[has_parts.index(False)]}, allowed {_LAYOUT}")
            train, test = (_class_files(root / part) for part in _PARTS)
            return train, test
        if all(has_parts):
            raise UserError(f"split: found one, and the folders train and test in {root}, allowed null with these")
        return _drawn(_class_files(root), self.split)


def _drawn(classes: Classes, split: DrawnSplit) -> tuple[Classes, Classes]:
    """Draw training and test files of each class."""
    files = [(name, file) for name, found in classes.items() for file in found]
    parts = []
    for positions in split.parts(np.array([name for name, _ in files])):
        part: Classes = {name: [] for name in classes}
        for position in positions:
            name, file = files[position]
            part[name].append(file)
        parts.append(part)
    return parts[0], parts[1]


def _class_files(folder: Path) -> Classes:
    """Return class -> its image files, both sorted by name.

    Raises:
        UserError: there is no class, a class without a file, a file that is empty or not an image by its name, one
            beside the class folders, a folder in a class folder, a link to a folder, or a name that is not UTF-8.

    """
    classes: Classes = {}
    for entry in _entries(folder):
        if not entry.is_dir():
            raise UserError(f"path: {entry.path}: found a file beside the folders of classes, allowed {_LAYOUT}")
        classes[entry.name] = [_image_file(file) for file in _entries(Path(entry.path))]
        if not classes[entry.name]:
            raise UserError(f"path: {entry.path}: found no image in the folder of a class, allowed at least one")
    if not classes:
        raise UserError(f"path: {folder}: found no folders of classes, allowed {_LAYOUT}")
    return classes


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what a folder has, sorted by name; hidden files and those of file managers are passed over."""
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        try:
            entry.name.encode()
        except UnicodeEncodeError:
            raise UserError(f"path: {entry.path}: found a name that is not UTF-8, allowed UTF-8; rename it") from None
        if entry.name.startswith(".") or entry.name.lower() in _OF_SYSTEMS:
            continue
        if entry.is_symlink() and entry.is_dir():
            raise UserError(f"path: {entry.path}: found a link to a folder, allowed folders (DVC does not follow it)")
        yield entry


def _image_file(entry: os.DirEntry[str]) -> Path:
    """Return the path of an image file."""
    if not entry.is_file():
        found = "a folder in the folder of a class" if entry.is_dir() else "a link to nothing or a special file"
        raise UserError(f"path: {entry.path}: found {found}, allowed image files")
    if not entry.name.lower().endswith(_SUFFIXES):
        raise UserError(f"path: {entry.path}: found a name of no image, allowed {', '.join(_SUFFIXES)}; move it away")
    if not entry.stat().st_size:
        raise UserError(f"path: {entry.path}: found 0 bytes, allowed an image")
    return Path(entry.path)


def _counts(classes: Classes) -> dict[str, int]:
    return {name: len(files) for name, files in classes.items()}


def _read(settings: FolderSettings, train: Mapping[str, list[Path]], test: Classes, _source: Source) -> RawDataset:
    """Decode all files, class by class, the training records first.

    Raises:
        UserError: a file cannot be decoded; it is named.

    """
    names = tuple(train)
    files = [(label, file) for part in (train, test) for label, name in enumerate(names) for file in part.get(name, ())]

    def decode(file: Path) -> Image.Image:
        return square_picture(file, settings.size, settings.channels)

    with in_the_files(), without_warnings():
        images = decode_all(decode, [file for _, file in files])
    return RawDataset(
        images,
        [label for label, _ in files],
        official_train=sum(map(len, train.values())),
        classes=len(names),
        class_names=names,
    )


METHOD = OwnFormat(FolderSettings)
