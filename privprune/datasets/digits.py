"""The handwritten digits that come with scikit-learn: 1,797 real 8x8 images, no download."""

from __future__ import annotations

import numpy as np
import torch

from privprune.datasets.dataset import Dataset
from privprune.datasets.source import Source

TRAIN = 1500
DIVISION_SEED = 0  # the set has no official division into train and test; this one is ours


def digits(_source: Source) -> Dataset:
    """Read the digits, grey values 0..16 scaled to 0..255, with a fixed division into 1,500 train and 297 test."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 (slow to import, and only fetch needs it)

    found = load_digits()
    order = np.random.default_rng(DIVISION_SEED).permutation(len(found.target))
    images = np.rint(found.images[order] * (255 / 16)).astype(np.uint8)[:, None]
    labels = found.target[order].astype(np.int64)
    return Dataset.of("digits", torch.from_numpy(images), torch.from_numpy(labels), official_train=TRAIN, classes=10)
