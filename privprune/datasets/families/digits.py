"""The handwritten digits that come with scikit-learn: 1,797 grey images of 8x8, no download."""

from __future__ import annotations

import numpy as np

from privprune.datasets.catalogue import DatasetInfo
from privprune.datasets.raw import RawDataset
from privprune.datasets.sources import Source, SourceInfo

TRAIN, TEST = 1500, 297
DIVISION_SEED = 0  # the set has no official division into train and test; this one is ours


def read_digits(_source: Source) -> RawDataset:
    """Read the digits, grey values 0..16 scaled to 0..255, with a fixed division into 1,500 train and 297 test."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 (slow to import, and only fetch needs it)

    digits = load_digits()
    order = np.random.default_rng(DIVISION_SEED).permutation(len(digits.target))
    images = np.rint(digits.images[order] * (255 / 16)).astype(np.uint8)[:, None]
    return RawDataset(images, digits.target[order], official_train=TRAIN, classes=10)


METHOD = DatasetInfo(
    name="digits",
    channels=1,
    size=8,
    classes=10,
    train_records=TRAIN,
    test_records=TEST,
    read=read_digits,
    source=SourceInfo("bundled", "scikit-learn"),
)
