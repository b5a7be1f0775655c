"""ImageNet (ILSVRC 2012) from the user's own copy; the images stay where they are."""

from __future__ import annotations

from pathlib import Path

import torch

from privprune.datasets.class_folders import class_files, users_folder
from privprune.datasets.dataset import Dataset
from privprune.datasets.folder_images import FolderImages
from privprune.datasets.source import Source
from privprune.datasets.sources import WHEREABOUTS
from privprune.errors import UserError

LAYOUT, ORIGIN = WHEREABOUTS["imagenet"].layout, WHEREABOUTS["imagenet"].origin


def imagenet(source: Source) -> Dataset:
    """List the images of `imagenet/{train,val}/<wnid>/*.JPEG`; a class is the position of its wnid in sorted order.

    The official validation set takes the place of the test set, as in the papers.

    Raises:
        UserError: the folder is missing, a part holds no images, or train and val hold different classes.

    """
    root = users_folder(source, "imagenet", "imagenet", LAYOUT, ORIGIN)
    train, validation = _classes(root / "train"), _classes(root / "val")
    if train.keys() != validation.keys():
        lone = sorted(train.keys() ^ validation.keys())
        raise UserError(f"{root}: train and val hold different classes, {lone[0]} is in one of them only")
    files, labels = [], []
    for part in (train, validation):
        for label, wnid in enumerate(sorted(part)):
            files += part[wnid]
            labels += [label] * len(part[wnid])
    return Dataset.of(
        "imagenet",
        FolderImages(root.resolve(), files),
        torch.tensor(labels, dtype=torch.int64),
        official_train=sum(map(len, train.values())),
        classes=len(train),
    )


def _classes(part: Path) -> dict[str, list[str]]:
    found = class_files(part, (".jpeg",), LAYOUT)
    empty = sorted(wnid for wnid, files in found.items() if not files)
    if empty:
        raise UserError(f"{part / empty[0]}: no images here, expected {LAYOUT}")
    return found
