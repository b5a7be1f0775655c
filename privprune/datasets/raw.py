"""What the reader of a dataset returns: images and labels as NumPy arrays, or as a list of image files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Mosaic = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class ImageFiles:
    """Image files that stay where they are and are decoded when they are used, for sets too large for memory.

    Attributes:
        root: the folder.
        files: their names below it, with forward slashes, one per record.
        side: images are resized to squares of this side, in pixels; None takes the central 224 x 224 of an image whose
            shorter side is resized to 256, as torchvision's ImageNet networks expect.

    """

    root: Path
    files: Sequence[str]
    side: int | None = None

    def __len__(self) -> int:
        return len(self.files)


@dataclass(frozen=True)
class RawDataset:
    """Records of one dataset as they are read, the official training records first.

    Attributes:
        images: uint8 [N, C, H, W], or N files; float32 [N, D, 1, 1] where records are vectors of D numbers.
        labels: integers [N] from 0. In a re-identification set these are identities: those of the training records are
            0 to K - 1, those of the test records are others, from K on.
        official_train: the first so many records are the official training set, the others the official test set.
        classes: number of classes, or of training identities (K).
        note: empty, or what a reader of a result must know about this copy; printed in every table that uses it.
        mosaic: rows x columns of positions of test records that, put side by side, show a part of one photograph; ()
            where records are not parts of a larger picture.
        cameras: integers [N], the camera that took each record; None except in a re-identification set.
        queries: number of test records that are queries, which come before the gallery; 0 except in a
            re-identification set.
        class_names: the name of each class in the order of the labels; () where classes have numbers alone.

    """

    images: Array | ImageFiles
    labels: Array | Sequence[int]
    official_train: int
    classes: int
    note: str = ""
    mosaic: Mosaic = ()
    cameras: Array | Sequence[int] | None = None
    queries: int = 0
    class_names: tuple[str, ...] = ()
