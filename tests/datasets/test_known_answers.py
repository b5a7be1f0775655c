"""Sets with known answers: labels that say nothing of the image, and images with the covariance they should have."""

from pathlib import Path

import numpy as np

from privprune.datasets.families.digits import read_digits
from privprune.datasets.families.known_answers import METHODS, read_gaussian_images, read_random_labels
from privprune.datasets.sources import Source

SOURCE = Source((Path(),), Path(), "verified")


def test_random_labels_say_nothing_of_the_digit() -> None:
    """The images are those of the digits; labels agree with the digits in about a tenth of the records."""
    plain, changed = read_digits(SOURCE), read_random_labels(SOURCE)
    assert np.array_equal(plain.images, changed.images)
    assert 0.07 < np.mean(np.asarray(plain.labels) == np.asarray(changed.labels)) < 0.13


def test_gaussian_images_have_their_covariance() -> None:
    """Mean, deviation and correlations of neighbours are those that the closed forms assume; hardly a value is cut."""
    images = np.asarray(read_gaussian_images(SOURCE).images)[:, 0] / 255
    assert abs(images.mean() - 0.5) < 0.005
    assert abs(images.std() / 0.1 - 1) < 0.03
    for first, second in ((images[:, 1:], images[:, :-1]), (images[:, :, 1:], images[:, :, :-1])):
        assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1] - 0.9) < 0.02
    assert np.mean((images == 0) | (images == 1)) < 1e-5


def test_the_catalogue_says_their_sizes() -> None:
    """What a suite is checked against is what is read."""
    for info in METHODS:
        raw = info.read(SOURCE)
        assert np.asarray(raw.images).shape[1:] == (info.channels, info.size, info.size)
        assert (raw.official_train, raw.classes) == (info.train_records, info.classes)
