"""A data set as every stage sees it: images, labels, which records are official training records, and a fingerprint."""

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
from privprune.errors import UserError
from privprune.files import new_folder, read_json, write_json

Mosaic = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Dataset:
    """Records of one classification set, the official training records first.

    Attributes:
        name: name of the source set, e.g. `mnist`.
        images: uint8 [N, C, H, W]. For a set too large for one tensor these are `FolderImages`, which behave like one
            under `len`, `.shape`, `.device`, `.to` and indexing by an int64 tensor.
        labels: int64 [N], each in [0, classes).
        official_train: records [0, official_train) are the official training set, the others the official test set.
        classes: number of classes.
        note: empty, or what a reader of a result must know about the data; printed in every table that uses them.
        fingerprint: sha256 over images (for a folder of files: their names) and labels, in hexadecimal.
        mosaic: rows x columns of test records that, put side by side, rebuild a part of one photograph; () where the
            records are no parts of a picture.

    """

    name: str
    images: Tensor
    labels: Tensor
    official_train: int
    classes: int
    note: str
    fingerprint: str
    mosaic: Mosaic

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
    ) -> Dataset:
        """Build a data set and its fingerprint; the arguments are the attributes of the class."""
        if len(images) != len(labels) or not 0 < official_train < len(labels):
            raise ValueError(f"{len(images)} images, {len(labels)} labels, {official_train} official training records")
        _check_mosaic(mosaic, official_train, len(labels))
        fingerprint = _fingerprint(images, labels)
        return cls(name, cast("Tensor", images), labels, official_train, classes, note, fingerprint, mosaic)

    @property
    def folder_images(self) -> FolderImages | None:
        """The images, where they are files of a folder, else None."""
        images: object = self.images
        return images if isinstance(images, FolderImages) else None

    def to(self, device: torch.device | str) -> Dataset:
        """Return the same records on another device."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def limited(self, limit: int) -> Dataset:
        """Keep `limit` official training records, evenly spaced over the file's order, and the whole test set.

        Raises:
            UserError: there are fewer training records than that.

        """
        if limit > self.official_train:
            raise UserError(f"dataset {self.name}: limit: found {limit}, allowed at most {self.official_train}")
        train = torch.arange(limit) * self.official_train // limit
        kept = torch.cat([train, torch.arange(self.official_train, len(self.labels))])
        gone = self.official_train - limit
        images = self.folder_images.subset(kept) if self.folder_images else self.images[kept]
        fewer = f"{limit} of {self.official_train} training records" if limit < self.official_train else ""
        return Dataset.of(
            self.name,
            images,
            self.labels[kept],
            official_train=limit,
            classes=self.classes,
            note=", ".join(filter(None, (self.note, fewer))),
            mosaic=tuple(tuple(record - gone for record in row) for row in self.mosaic),
        )

    def save(self, folder: Path) -> None:
        """Write `data.safetensors` and `dataset.json` all or nothing; the same records give the same bytes."""
        files = self.folder_images
        tensors = {"files": files.packed()} if files else {"images": self.images.contiguous()}
        facts = {
            "name": self.name,
            "root": str(files.root) if files else None,
            "official_train": self.official_train,
            "classes": self.classes,
            "shape": list(self.images.shape),
            "note": self.note,
            "fingerprint": self.fingerprint,
            "mosaic": self.mosaic,
        }
        with new_folder(folder) as unfinished:
            save_file({**tensors, "labels": self.labels.contiguous()}, unfinished / "data.safetensors")
            write_json(unfinished / "dataset.json", facts)

    @classmethod
    def load(cls, folder: Path) -> Dataset:
        """Read what `save` wrote, and prove by the fingerprint that it is that.

        Raises:
            UserError: a file is missing or damaged, or the folder of the user's images is gone.

        """
        facts = read_json(folder / "dataset.json")
        path = folder / "data.safetensors"
        try:
            tensors = load_file(path)
            images = _images(facts, tensors)
            found = cls(
                name=facts["name"],
                images=cast("Tensor", images),
                labels=tensors["labels"],
                official_train=facts["official_train"],
                classes=facts["classes"],
                note=facts["note"],
                fingerprint=_fingerprint(images, tensors["labels"]),
                mosaic=tuple(map(tuple, facts["mosaic"])),
            )
            _check_mosaic(found.mosaic, found.official_train, len(found.labels))
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as broken:
            raise _damaged(path, broken) from None
        if found.fingerprint != facts["fingerprint"]:
            raise _damaged(path, "its fingerprint differs from the one in dataset.json")
        return found


def _images(facts: dict[str, Any], tensors: dict[str, Tensor]) -> Tensor | FolderImages:
    if facts["root"] is None:
        return tensors["images"]
    return FolderImages.unpacked(Path(facts["root"]), tensors["files"])


def _check_mosaic(mosaic: Mosaic, official_train: int, records: int) -> None:
    numbers = [record for row in mosaic for record in row]
    if len({len(row) for row in mosaic}) > 1 or not all(official_train <= record < records for record in numbers):
        raise ValueError(f"a mosaic of other than rows of one length of test records {official_train} to {records - 1}")


def _damaged(path: Path, reason: object) -> UserError:
    told = " ".join(str(reason).split())
    return UserError(f"{path}: missing or damaged ({told}), remove {path.parent} and run `dvc repro` again")


def _fingerprint(images: Tensor | FolderImages, labels: Tensor) -> str:
    content = images if isinstance(images, Tensor) else images.packed()
    digest = hashlib.sha256(np.ascontiguousarray(content.numpy()).data)
    digest.update(np.ascontiguousarray(labels.numpy()).data)
    return digest.hexdigest()
