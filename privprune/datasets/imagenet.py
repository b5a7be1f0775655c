"""ImageNet (ILSVRC 2012) from the user's own copy; the images stay where they are."""

from __future__ import annotations

from pathlib import Path

import torch

from privprune.datasets.dataset import Dataset
from privprune.datasets.folder_images import FolderImages
from privprune.datasets.source import VARIABLE, Source
from privprune.errors import UserError

LAYOUT = "imagenet/train/<wnid>/*.JPEG and imagenet/val/<wnid>/*.JPEG"


def imagenet(source: Source) -> Dataset:
    """List the images of `imagenet/{train,val}/<wnid>/*.JPEG`; a class is the position of its wnid in sorted order.

    The official validation set takes the place of the test set, as in the papers.

    Raises:
        UserError: the folder is missing, a part holds no images, or train and val hold different classes.

    """
    root = next((root / "imagenet" for root in source.existing if (root / "imagenet").is_dir()), None)
    if root is None:
        raise UserError(
            f"imagenet is missing: looked for {LAYOUT} in {', '.join(map(str, source.existing))}; it comes from "
            "https://image-net.org (ILSVRC 2012), for non-commercial research and education, on accepting the owner's "
            f"terms there; put it into the folder named by {VARIABLE}"
        )
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
    """Return class -> its files, sorted, relative to the folder above `part`."""
    if not part.is_dir():
        raise UserError(f"{part}: the folder is missing, expected {LAYOUT}")
    found = {
        folder.name: sorted(f"{part.name}/{folder.name}/{file.name}" for file in folder.glob("*.JPEG"))
        for folder in part.iterdir()
        if folder.is_dir()
    }
    empty = sorted(wnid for wnid, files in found.items() if not files)
    if empty or not found:
        raise UserError(f"{part / empty[0] if empty else part}: no images here, expected {LAYOUT}")
    return found
