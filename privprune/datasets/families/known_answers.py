"""Sets made for experiments whose answer is known: digits with random labels, and Gaussian images; no download."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from privprune.datasets.catalogue import DatasetInfo
from privprune.datasets.families.digits import TEST, TRAIN, read_digits
from privprune.datasets.raw import RawDataset
from privprune.datasets.sources import Source, SourceInfo

_SEED = 0  # of all draws in this file
_CLASSES = 10
_SIDE, _TRAIN_IMAGES, _TEST_IMAGES = 8, 5_000, 1_000  # of the Gaussian images
_CORRELATION, _DEVIATION = 0.9, 0.1  # of neighbouring pixels; of each pixel on [0, 1], five of which reach the ends


def read_random_labels(source: Source) -> RawDataset:
    """Read the digits, and give each a class drawn at random: what is right on them was learnt by heart."""
    digits = read_digits(source)
    labels = np.random.default_rng([_SEED, 0]).integers(_CLASSES, size=len(digits.labels))
    return replace(digits, labels=labels)


def read_gaussian_images(_source: Source) -> RawDataset:
    """Draw grey Gaussian images: mean 0.5, covariance 0.01 x 0.9^(rows apart + columns apart), random classes."""
    draw = np.random.default_rng([_SEED, 1])
    apart = np.abs(np.subtract.outer(np.arange(_SIDE), np.arange(_SIDE)))
    root = np.linalg.cholesky(_CORRELATION**apart)
    count = _TRAIN_IMAGES + _TEST_IMAGES
    values = 0.5 + _DEVIATION * root @ draw.standard_normal((count, _SIDE, _SIDE)) @ root.T
    images = np.rint(255 * values.clip(0, 1)).astype(np.uint8)[:, None]
    return RawDataset(images, draw.integers(_CLASSES, size=count), official_train=_TRAIN_IMAGES, classes=_CLASSES)


METHODS = (
    DatasetInfo(
        name="digits-random-labels",
        channels=1,
        size=8,
        classes=_CLASSES,
        train_records=TRAIN,
        test_records=TEST,
        read=read_random_labels,
        source=SourceInfo("bundled", "scikit-learn"),
    ),
    DatasetInfo(
        name="gaussian-images",
        channels=1,
        size=_SIDE,
        classes=_CLASSES,
        train_records=_TRAIN_IMAGES,
        test_records=_TEST_IMAGES,
        read=read_gaussian_images,
        source=SourceInfo("bundled", "privprune, which draws it"),
    ),
)
