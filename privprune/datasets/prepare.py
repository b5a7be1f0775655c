"""Prepare a dataset for a suite: read it, check it, draw its splits, and write what the stages read."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from privprune.datasets.catalogue import DatasetInfo
from privprune.datasets.dataset import Dataset
from privprune.datasets.entry import Counts, DatasetSettings
from privprune.datasets.folder_images import FolderImages
from privprune.datasets.own_format import OwnSettings
from privprune.datasets.raw import ImageFiles
from privprune.datasets.sources import Source
from privprune.datasets.splits import Extent, Split, split_roles
from privprune.errors import UserError
from privprune.files import new_folder


def fetch(settings: DatasetSettings, folder: Path, environment: Mapping[str, str], downloads: Path) -> None:
    """Write `data.safetensors`, `dataset.json` and `splits.npz`, or none; the same records give the same bytes.

    Args:
        settings: one entry of the suite.
        folder: the output, e.g. `data/datasets/digits`.
        environment: its `PRIVPRUNE_DATA` names a folder that is searched before anything is downloaded, and that
            downloads go to.
        downloads: the folder that downloads go to if that variable is not set.

    Raises:
        UserError: the dataset is missing and cannot be downloaded, is damaged, has other counts than expected, or is
            too small for the protocols.

    """
    place = settings.place(folder.name)
    dataset = _read(settings, settings.source(environment, downloads), place)
    _check_counts(settings, dataset, place)
    if settings.info.identities:
        _check_identities(dataset, place)
    if settings.limit is not None:
        dataset = dataset.limited(settings.limit)
    if not settings.info.identities:
        _check_classes(dataset, place)
    extent = Extent(dataset.official_train, len(dataset.labels), settings.targets, settings.shadows)
    try:
        labels = dataset.labels.numpy()
        roles = {name: split_roles(name, sizes, extent, labels) for name, sizes in settings.protocols.items()}
    except UserError as problem:
        raise UserError(f"{place}{problem}") from None
    with new_folder(folder) as unfinished:
        dataset.save(unfinished)
        counts = np.array([dataset.official_train, settings.targets, settings.shadows])
        np.savez(unfinished / "splits.npz", allow_pickle=False, counts=counts, **roles)


def _read(settings: DatasetSettings, source: Source, place: str) -> Dataset:
    """Read all records; a message about the user's own data begins with its place in the suite."""
    if not isinstance(settings, OwnSettings):
        return read_dataset(settings.info, source)
    try:
        return read_dataset(settings.info, source)
    except UserError as problem:
        raise UserError(f"{place}{problem}") from None


def read_dataset(info: DatasetInfo, source: Source) -> Dataset:
    """Read all records of a dataset from its original files.

    Args:
        info: about the dataset.
        source: where files are looked for, and which are accepted.

    Raises:
        UserError: files are missing and cannot be downloaded, or are damaged.

    """
    try:
        raw = info.read(source)
    except OSError as failure:
        if failure.filename is None:
            raise
        raise UserError(f"{failure.filename}: could not be read, {failure.strerror}") from failure
    images = raw.images
    if isinstance(images, ImageFiles):
        pixels: Tensor | FolderImages = FolderImages(images.root, images.files, side=images.side)
    else:
        pixels = _tensor(images)
    return Dataset.of(
        info.name,
        pixels,
        _tensor(raw.labels, np.int64),
        official_train=raw.official_train,
        classes=raw.classes,
        note=raw.note,
        mosaic=raw.mosaic,
        cameras=None if raw.cameras is None else _tensor(raw.cameras, np.int64),
        queries=raw.queries,
        class_names=raw.class_names,
    )


def _tensor(values: Any, dtype: Any = None) -> Tensor:
    """Return the values as a tensor that may be written to, sharing memory where possible."""
    return torch.from_numpy(np.require(values, dtype, ["C", "W"]))


def load_dataset(folder: Path) -> Dataset:
    """Load a dataset that `fetch` wrote.

    Raises:
        UserError: a file is missing or damaged.

    """
    return Dataset.load(folder)


def load_split(folder: Path, protocol: str, model_index: int) -> Split:
    """Load the pools of one model.

    Args:
        folder: that `fetch` wrote.
        protocol: `paper` or `clean`.
        model_index: number of the model, counting the targets first, then the shadow models.

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


def _check_counts(settings: DatasetSettings, dataset: Dataset, place: str) -> None:
    expected = settings.expected_counts
    if expected is None:
        return
    found = Counts(dataset.classes, dataset.official_train, len(dataset.labels) - dataset.official_train)
    if found != expected:
        raise UserError(f"{place}expected {_in_words(expected)}, found {_in_words(found)}")


def _check_classes(dataset: Dataset, place: str) -> None:
    """Refuse test records of a class that no training record shows: no network can have learnt it.

    Raises:
        UserError: names the first such class.

    """
    train, test = dataset.labels[: dataset.official_train], dataset.labels[dataset.official_train :]
    lacking = sorted(set(test.tolist()) - set(train.tolist()))
    if lacking:
        first = dataset.class_names[lacking[0]] if dataset.class_names else lacking[0]
        raise UserError(
            f"{place}found class {first} in test and not in training, allowed classes of which training "
            f"has a record ({len(lacking)} are missing among {dataset.official_train} training records)"
        )


def _check_identities(dataset: Dataset, place: str) -> None:
    """Refuse a re-identification set that cannot be ranked fairly.

    It needs cameras, more than one of them among the queries, a gallery with the identities of all queries, and other
    identities in training than in test.

    Raises:
        UserError: saying which of these.

    """
    if dataset.cameras is None:
        raise UserError(f"{place}found no cameras, allowed one for each record, with queries and a gallery")
    cameras = dataset.cameras[dataset.official_train : dataset.official_train + dataset.queries]
    if len(cameras.unique()) < 2:
        raise UserError(f"{place}found one camera for every query, allowed at least two")
    train, test = dataset.labels[: dataset.official_train], dataset.labels[dataset.official_train :]
    lacking = sorted(set(test[: dataset.queries].tolist()) - set(test[dataset.queries :].tolist()))
    if lacking:
        raise UserError(f"{place}the gallery lacks {len(lacking)} identities of queries, first {lacking[0]}")
    if int(train.max()) >= dataset.classes or int(test.min()) < dataset.classes:
        raise UserError(f"{place}found identities in train and test, allowed different ones")


def _in_words(counts: Counts) -> str:
    return f"{counts.classes:,} classes, {counts.train:,} train and {counts.test:,} test records"
