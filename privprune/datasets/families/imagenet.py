"""ImageNet (ILSVRC 2012) from the user's own copy; the images stay where they are."""

from __future__ import annotations

from pathlib import Path

from privprune.datasets.catalogue import DatasetInfo
from privprune.datasets.class_folders import class_files
from privprune.datasets.raw import ImageFiles, RawDataset
from privprune.datasets.sources import Source, SourceInfo
from privprune.errors import UserError

SOURCE = SourceInfo(
    "user_supplied",
    "https://image-net.org (ILSVRC 2012), for non-commercial research and education, on accepting the owner's "
    "terms there",
    ("imagenet",),
    "imagenet/train/<wnid>/*.JPEG and imagenet/val/<wnid>/*.JPEG",
)


def read_imagenet(source: Source) -> RawDataset:
    """List the images of `imagenet/{train,val}/<wnid>/*.JPEG`; a class is the position of its wnid in sorted order.

    The official validation set is used as the test set, as in the papers.

    Raises:
        UserError: the folder is missing, a part contains no images, or train and val have different classes.

    """
    root = source.supplied_folder("imagenet", SOURCE)
    train, validation = _classes(root / "train"), _classes(root / "val")
    if train.keys() != validation.keys():
        lone = sorted(train.keys() ^ validation.keys())
        raise UserError(f"{root}: train and val hold different classes, {lone[0]} is in one of them only")
    files: list[str] = []
    labels: list[int] = []
    for part in (train, validation):
        for label, wnid in enumerate(sorted(part)):
            files += part[wnid]
            labels += [label] * len(part[wnid])
    return RawDataset(
        ImageFiles(root.resolve(), files),
        labels,
        official_train=sum(map(len, train.values())),
        classes=len(train),
    )


def _classes(part: Path) -> dict[str, list[str]]:
    """Return wnid -> its files, at least one of each."""
    classes = class_files(part, (".jpeg",), SOURCE.layout)
    empty = sorted(wnid for wnid, files in classes.items() if not files)
    if empty:
        raise UserError(f"{part / empty[0]}: no images here, expected {SOURCE.layout}")
    return classes


METHOD = DatasetInfo(
    name="imagenet",
    channels=3,
    size=224,
    classes=1000,
    train_records=1_281_167,
    test_records=50_000,
    read=read_imagenet,
    source=SOURCE,
)
