"""A dataset as the stages use it: images, labels, the official training records, and a fingerprint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from privprune.datasets.folder_images import FolderImages
from privprune.datasets.raw import Mosaic
from privprune.errors import UserError
from privprune.files import new_folder, read_json, write_json


@dataclass(frozen=True)
class Dataset:
    """Records of one dataset, the official training records first.

    In a re-identification set the labels are identities: those of the training records are 0 to K - 1, those of the
    test records (queries first, then the gallery) are others, from K on.

    Attributes:
        name: of the dataset in the catalogue, e.g. `mnist`.
        images: uint8 [N, C, H, W]. For a set too large for one tensor these are `FolderImages`, which behave like one
            under `len`, `.shape`, `.device`, `.to` and indexing by an int64 tensor. Where records are vectors of D
            numbers, these are float32 [N, D, 1, 1], scaled for a network as they are.
        labels: int64 [N], each in [0, classes), except the test records of a re-identification set.
        official_train: records [0, official_train) are the official training set, the others the official test set.
        classes: number of classes, or of training identities (K).
        note: empty, or what a reader of a result must know about the data; printed in every table that uses it.
        fingerprint: sha256 over images (for a folder of files: their names), labels, cameras and number of queries, in
            hexadecimal.
        mosaic: rows x columns of positions of test records that, put side by side, show a part of one photograph; ()
            where records are not parts of a larger picture.
        cameras: int64 [N], the camera that took each record; None except in a re-identification set.
        queries: number of test records that are queries; 0 except in a re-identification set.
        class_names: the name of each class in the order of the labels; () where classes have numbers alone.

    """

    name: str
    images: Tensor
    labels: Tensor
    official_train: int
    classes: int
    note: str
    fingerprint: str
    mosaic: Mosaic
    cameras: Tensor | None
    queries: int
    class_names: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        name: str,
        images: Tensor | FolderImages,
        labels: Tensor,
        *,
        official_train: int,
        classes: int,
        note: str = "",
        mosaic: Mosaic = (),
        cameras: Tensor | None = None,
        queries: int = 0,
        class_names: tuple[str, ...] = (),
    ) -> Dataset:
        """Build a dataset and its fingerprint; the arguments are the attributes of the class.

        Raises:
            ValueError: numbers of records, queries or cameras contradict one another.

        """
        if len(images) != len(labels) or not 0 < official_train < len(labels):
            raise ValueError(f"{len(images)} images, {len(labels)} labels, {official_train} official training records")
        _check_mosaic(mosaic, official_train, len(labels))
        if (cameras is None) != (queries == 0) or not 0 <= queries < len(labels) - official_train:
            raise ValueError(f"{queries} queries, cameras {'missing' if cameras is None else 'given'}")
        fingerprint = _fingerprint(images, labels, cameras, queries)
        tensor = cast("Tensor", images)  # FolderImages behave like one
        return cls(
            name, tensor, labels, official_train, classes, note, fingerprint, mosaic, cameras, queries, class_names
        )

    @property
    def folder_images(self) -> FolderImages | None:
        """The images if they are files of a folder, else None."""
        images: object = self.images
        return images if isinstance(images, FolderImages) else None

    def to(self, device: torch.device | str) -> Dataset:
        """Return the same records on another device."""
        cameras = None if self.cameras is None else self.cameras.to(device)
        return replace(self, images=self.images.to(device), labels=self.labels.to(device), cameras=cameras)

    def limited(self, limit: int) -> Dataset:
        """Return `limit` official training records, evenly spaced in their order, and the whole test set.

        Raises:
            UserError: there are fewer training records than that.

        """
        if limit > self.official_train:
            raise UserError(f"dataset {self.name}: limit: found {limit}, allowed at most {self.official_train}")
        train = torch.arange(limit) * self.official_train // limit
        selected = torch.cat([train, torch.arange(self.official_train, len(self.labels))])
        dropped = self.official_train - limit
        images = self.folder_images.subset(selected) if self.folder_images else self.images[selected]
        fewer = f"{limit} of {self.official_train} training records" if limit < self.official_train else ""
        return Dataset.of(
            self.name,
            images,
            self.labels[selected],
            official_train=limit,
            classes=self.classes,
            note=", ".join(filter(None, (self.note, fewer))),
            mosaic=tuple(tuple(record - dropped for record in row) for row in self.mosaic),
            cameras=None if self.cameras is None else self.cameras[selected],
            queries=self.queries,
            class_names=self.class_names,
        )

    def save(self, folder: Path) -> None:
        """Write `data.safetensors` and `dataset.json` all or nothing; the same records give the same bytes."""
        files = self.folder_images
        tensors = {"files": files.packed()} if files else {"images": self.images.contiguous()}
        entries = {
            "name": self.name,
            "root": str(files.root) if files else None,
            "official_train": self.official_train,
            "classes": self.classes,
            "shape": list(self.images.shape),
            "note": self.note,
            "fingerprint": self.fingerprint,
            "mosaic": self.mosaic,
            "queries": self.queries,
            "side": files.side if files else None,
            **({"class_names": self.class_names} if self.class_names else {}),
        }
        tensors |= {"labels": self.labels.contiguous()}
        tensors |= {} if self.cameras is None else {"cameras": self.cameras.contiguous()}
        with new_folder(folder) as unfinished:
            save_file(tensors, unfinished / "data.safetensors")
            write_json(unfinished / "dataset.json", entries)

    @classmethod
    def load(cls, folder: Path) -> Dataset:
        """Read what `save` wrote, and verify its fingerprint.

        Raises:
            UserError: a file is missing or damaged, or the folder of the user's images does not exist any more.

        """
        entries = read_json(folder / "dataset.json")
        path = folder / "data.safetensors"
        try:
            tensors = load_file(path)
            images, cameras = _images(entries, tensors), tensors.get("cameras")
            dataset = cls(
                name=entries["name"],
                images=cast("Tensor", images),
                labels=tensors["labels"],
                official_train=entries["official_train"],
                classes=entries["classes"],
                note=entries["note"],
                fingerprint=_fingerprint(images, tensors["labels"], cameras, entries["queries"]),
                mosaic=tuple(map(tuple, entries["mosaic"])),
                cameras=cameras,
                queries=entries["queries"],
                class_names=tuple(entries.get("class_names", ())),
            )
            _check_mosaic(dataset.mosaic, dataset.official_train, len(dataset.labels))
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as broken:
            raise _damaged(path, broken) from None
        if dataset.fingerprint != entries["fingerprint"]:
            raise _damaged(path, "its fingerprint differs from the one in dataset.json")
        return dataset


def _images(entries: dict[str, Any], tensors: dict[str, Tensor]) -> Tensor | FolderImages:
    if entries["root"] is None:
        return tensors["images"]
    return FolderImages.unpacked(Path(entries["root"]), tensors["files"], entries["side"])


def _check_mosaic(mosaic: Mosaic, official_train: int, records: int) -> None:
    numbers = [record for row in mosaic for record in row]
    if len({len(row) for row in mosaic}) > 1 or not all(official_train <= record < records for record in numbers):
        raise ValueError(f"a mosaic of other than rows of one length of test records {official_train} to {records - 1}")


def _damaged(path: Path, reason: object) -> UserError:
    line = " ".join(str(reason).split())
    return UserError(f"{path}: missing or damaged ({line}), remove {path.parent} and run `dvc repro` again")


def _fingerprint(images: Tensor | FolderImages, labels: Tensor, cameras: Tensor | None, queries: int) -> str:
    content = images if isinstance(images, Tensor) else images.packed()
    digest = hashlib.sha256(np.ascontiguousarray(content.numpy()).data)
    digest.update(np.ascontiguousarray(labels.numpy()).data)
    if cameras is not None:
        digest.update(np.ascontiguousarray(cameras.numpy()).data)
        digest.update(str(queries).encode())
    return digest.hexdigest()
