"""Data sets: name -> verified tensors and the split of their records into members, non-members and pools.

An entry of a suite:

    digits:
      name: digits
      accept: verified
      expected: null
      limit: null
      targets: 3
      shadows: 8
      protocols:
        clean:
          seed: 0
          reference: 75
          selection: {members: 100, nonmembers: 75}
          known: {members: 300, nonmembers: 300}
          evaluation: {members: null, nonmembers: null}
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from privprune.datasets.dataset import Dataset
from privprune.datasets.digits import digits
from privprune.datasets.facescrub import facescrub
from privprune.datasets.imagenet import imagenet
from privprune.datasets.orl_faces import orl_faces
from privprune.datasets.orl_reid import orl_reid
from privprune.datasets.photo_reid import photo_reid
from privprune.datasets.photos import photos
from privprune.datasets.source import Accept, Source
from privprune.datasets.splits import PROTOCOLS, Extent, ProtocolSettings, Split, split_roles
from privprune.datasets.tiny_imagenet import tiny_imagenet
from privprune.datasets.torchvision_sets import cifar10, cifar100, fashion_mnist, mnist
from privprune.datasets.vehicles import veri776, veri_wild_large, veri_wild_medium, veri_wild_small
from privprune.errors import UserError
from privprune.files import new_folder
from privprune.settings import AtLeastOne, Count

__all__ = [
    "DATASETS",
    "IMAGE_SHAPES",
    "REIDENTIFICATION",
    "Dataset",
    "DatasetSettings",
    "ImageShape",
    "Split",
    "fetch",
    "load_dataset",
    "load_split",
]

DATASETS: dict[str, Callable[[Source], Dataset]] = {
    "digits": digits,
    "mnist": mnist,
    "fashion-mnist": fashion_mnist,
    "cifar10": cifar10,
    "cifar100": cifar100,
    "imagenet": imagenet,
    "photos": photos,
    "tiny-imagenet": tiny_imagenet,
    "facescrub": facescrub,
    "orl-faces": orl_faces,
    "photo-reid": photo_reid,
    "orl-reid": orl_reid,
    "veri776": veri776,
    "veri-wild-small": veri_wild_small,
    "veri-wild-medium": veri_wild_medium,
    "veri-wild-large": veri_wild_large,
}

# labels are identities, those of the test records others than those of train; see `Dataset`
REIDENTIFICATION = ("photo-reid", "orl-reid", "veri776", "veri-wild-small", "veri-wild-medium", "veri-wild-large")


@dataclass(frozen=True)
class ImageShape:
    """What a network has to take and to tell apart: channels, side in pixels, classes."""

    channels: int
    size: int
    classes: int

    @property
    def image(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return self.channels, self.size, self.size


IMAGE_SHAPES = {  # known before anything is fetched, so that a suite is checked at once
    "digits": ImageShape(1, 8, 10),
    "mnist": ImageShape(1, 28, 10),
    "fashion-mnist": ImageShape(1, 28, 10),
    "cifar10": ImageShape(3, 32, 10),
    "cifar100": ImageShape(3, 32, 100),
    "imagenet": ImageShape(3, 224, 1000),
    "photos": ImageShape(3, 32, 8),
    "tiny-imagenet": ImageShape(3, 64, 200),
    "facescrub": ImageShape(3, 48, 530),
    "orl-faces": ImageShape(1, 64, 40),
    "photo-reid": ImageShape(3, 32, 64),
    "orl-reid": ImageShape(1, 64, 30),
    "veri776": ImageShape(3, 256, 576),
    "veri-wild-small": ImageShape(3, 256, 30_671),
    "veri-wild-medium": ImageShape(3, 256, 30_671),
    "veri-wild-large": ImageShape(3, 256, 30_671),
}


@dataclass(frozen=True)
class Expected:
    """What a complete copy holds: classes, and records of train and test."""

    classes: AtLeastOne
    train: AtLeastOne
    test: AtLeastOne


@dataclass(frozen=True)
class DatasetSettings:
    """One entry of a suite's `datasets:`.

    Attributes:
        name: the source set, a key of `DATASETS`.
        accept: `verified` files only, or a copy `as_found`, which the note of the set then says in every table.
        expected: counts that a copy must have, or null where the checksums say enough.
        limit: number of official training records to keep, evenly spaced, or null for all.
        targets: number of splits for models whose results are reported, one per seed.
        shadows: number of splits for shadow models, in complementary pairs.
        protocols: `paper`, `clean` or both, with the sizes of their pools.

    """

    name: str
    accept: Accept
    expected: Expected | None
    limit: AtLeastOne | None
    targets: AtLeastOne
    shadows: Count
    protocols: dict[str, ProtocolSettings]

    def __post_init__(self) -> None:
        if self.name not in DATASETS:
            raise ValueError(f"name: found {self.name}, allowed {', '.join(DATASETS)}")
        for protocol in self.protocols:
            if protocol not in PROTOCOLS:
                raise ValueError(f"protocols: found {protocol}, allowed {', '.join(PROTOCOLS)}")

    @property
    def models(self) -> int:
        """Number of half splits that are prepared, those of the targets first."""
        return self.targets + self.shadows


def fetch(settings: DatasetSettings, folder: Path, environment: Mapping[str, str], downloads: Path) -> None:
    """Write `data.safetensors`, `dataset.json` and `splits.npz` all or nothing; the same records give the same bytes.

    Args:
        settings: one entry of the suite.
        folder: the output, e.g. `data/datasets/digits`.
        environment: `PRIVPRUNE_DATA` in it names a folder that is searched before anything is downloaded.
        downloads: where a download goes where that variable is not set.

    Raises:
        UserError: the set is missing and cannot be had, damaged, of other counts, or too small for the protocols.

    """
    dataset = DATASETS[settings.name](Source.of(settings.accept, environment, downloads))
    _check_counts(settings, dataset)
    if settings.name in REIDENTIFICATION:
        _check_identities(settings.name, dataset)
    if settings.limit is not None:
        dataset = dataset.limited(settings.limit)
    extent = Extent(dataset.official_train, len(dataset.labels), settings.targets, settings.shadows)
    try:
        roles = {name: split_roles(name, sizes, extent) for name, sizes in settings.protocols.items()}
    except UserError as problem:
        raise UserError(f"dataset {settings.name}: {problem}") from None
    with new_folder(folder) as unfinished:
        dataset.save(unfinished)
        counts = np.array([dataset.official_train, settings.targets, settings.shadows])
        np.savez(unfinished / "splits.npz", allow_pickle=False, counts=counts, **roles)


def load_dataset(folder: Path) -> Dataset:
    """Read a data set that `fetch` wrote.

    Raises:
        UserError: a file is missing or damaged.

    """
    return Dataset.load(folder)


def load_split(folder: Path, protocol: str, model_index: int) -> Split:
    """Read the pools of one model, targets counted first, then shadow models.

    Raises:
        UserError: the file is missing or damaged, or `fetch` prepared no such protocol or model.

    """
    path = folder / "splits.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            official_train, targets, shadows = (int(count) for count in stored["counts"])
            prepared = sorted(set(stored.files) - {"counts"})
            roles = stored[protocol] if protocol in prepared else None
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as broken:
        raise UserError(f"{path}: missing or damaged ({broken}), remove {folder} and run `dvc repro` again") from None
    if roles is None:
        raise UserError(f"{path}: found protocol {protocol}, prepared for this data set are {', '.join(prepared)}")
    models = targets if protocol == "paper" else targets + shadows
    if not 0 <= model_index < models:
        raise UserError(
            f"{path}: found model {model_index}, prepared under {protocol} are 0 to {models - 1}; "
            "raise `targets` or `shadows` of the data set (shadow models need protocol clean)"
        )
    return Split.of(roles[0 if protocol == "paper" else model_index], official_train)


def _check_counts(settings: DatasetSettings, dataset: Dataset) -> None:
    if settings.expected is None:
        return
    found = Expected(dataset.classes, dataset.official_train, len(dataset.labels) - dataset.official_train)
    if found != settings.expected:
        raise UserError(f"dataset {settings.name}: expected {_told(settings.expected)}, found {_told(found)}")


def _check_identities(name: str, dataset: Dataset) -> None:
    """Refuse a re-identification set that cannot be scored."""
    if dataset.cameras is None:
        raise UserError(f"dataset {name}: found no cameras, allowed one for each record, with queries and a gallery")
    train, test = dataset.labels[: dataset.official_train], dataset.labels[dataset.official_train :]
    lacking = sorted(set(test[: dataset.queries].tolist()) - set(test[dataset.queries :].tolist()))
    if lacking:
        raise UserError(
            f"dataset {name}: the gallery lacks {len(lacking)} identities of queries, the first {lacking[0]}"
        )
    if int(train.max()) >= dataset.classes or int(test.min()) < dataset.classes:
        raise UserError(f"dataset {name}: found identities in train and test, allowed different ones")


def _told(counts: Expected) -> str:
    return f"{counts.classes:,} classes, {counts.train:,} train and {counts.test:,} test records"
