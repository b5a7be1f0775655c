"""Arrays of images and of vectors: each layout that is documented, and one line for every other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_files import SPLIT, own_entry

from privprune.datasets.dataset import Dataset
from privprune.datasets.entry_kinds import DATASET_ENTRY
from privprune.datasets.prepare import fetch, load_dataset
from privprune.errors import UserError
from privprune.settings import read

DRAW = np.random.default_rng(0)
IMAGES = DRAW.integers(0, 256, (24, 8, 8, 3), dtype=np.uint8)
LABELS = np.arange(24) % 3


def settings(path: Path, **keys: Any) -> Any:
    """Return the settings of an entry."""
    return read(DATASET_ENTRY, own_entry("npz", path, **keys), "P: datasets.mine")


def written(folder: Path, **arrays: Any) -> Path:
    """Write an NPZ file."""
    np.savez(folder / "arrays.npz", **arrays)
    return folder / "arrays.npz"


def fetched(path: Path, **keys: Any) -> Dataset:
    """Return the records as the stages see them."""
    fetch(settings(path, **keys), path.parent / "out" / "mine", {}, path.parent)
    return load_dataset(path.parent / "out" / "mine")


@pytest.mark.parametrize("layout", ["last", "first", "grey", "deep", "compressed"])
def test_each_layout_of_images_gives_the_same_records(tmp_path: Path, layout: str) -> None:
    """Channels last or first, without channels, 16 bits, compressed; with the parts as they are in the file."""
    images = IMAGES[..., :1] if layout == "grey" else IMAGES
    stored = {"first": images.transpose(0, 3, 1, 2), "grey": images[..., 0], "deep": images.astype(np.uint16) * 257}
    values = stored.get(layout, images)
    labels = LABELS[:, None] if layout == "last" else LABELS.astype(np.uint8)
    parts = {"train_images": values[:18], "train_labels": labels[:18], "test_images": values[18:], "val_images": values}
    path = tmp_path / "arrays.npz"
    (np.savez_compressed if layout == "compressed" else np.savez)(path, **parts, test_labels=labels[18:])
    info, found = settings(path).info, fetched(path)
    assert (info.channels, info.size, info.classes, info.train_records) == (images.shape[3], 8, 3, 18)
    assert np.array_equal(found.images, images.transpose(0, 3, 1, 2))
    assert found.labels.tolist() == LABELS.tolist()
    assert found.class_names == ("0", "1", "2")


def test_a_drawn_split_keeps_images_and_labels_together(tmp_path: Path) -> None:
    """Labels may be texts; each record is there once, with its own label."""
    names = np.array(["cat", "dog", "owl"])[LABELS]
    found = fetched(written(tmp_path, images=IMAGES, labels=names), split=SPLIT, protocols={})
    assert (found.official_train, found.class_names) == (18, ("cat", "dog", "owl"))
    original = {image.tobytes(): label for image, label in zip(IMAGES.transpose(0, 3, 1, 2), LABELS, strict=True)}
    assert [original[image.tobytes()] for image in found.images.numpy()] == found.labels.tolist()
    assert len(original) == 24


def test_features_are_standardised_vectors(tmp_path: Path) -> None:
    """By the mean and the deviation of the training records, as the columns of a table."""
    features = DRAW.normal(7, 3, (24, 5))
    path = written(tmp_path, features=features, labels=LABELS)
    info, found = settings(path, split=SPLIT).info, fetched(path, split=SPLIT, protocols={})
    assert (info.vectors, info.channels, info.size) == (True, 5, 1)
    train = found.images[:18, :, 0, 0].double()
    assert np.allclose(train.mean(0), 0, atol=1e-6)
    assert np.allclose(train.std(0, unbiased=False), 1, atol=1e-6)


NAN = np.full((24, 5), np.nan)
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "no labels": ({"images": IMAGES}, "found no array labels (images), allowed train_images, train_labels"),
    "divided": ({"train_images": IMAGES}, "found no array images (train_images), allowed"),
    "floats": ({"images": IMAGES / 255, "labels": LABELS}, "images: found float64, [24, 8, 8, 3], allowed uint8 or"),
    "not square": ({"images": IMAGES[:, :4], "labels": LABELS}, "images: found uint8, [24, 4, 8, 3], allowed uint8 or"),
    "channels": ({"images": IMAGES[..., :2], "labels": LABELS}, "images: found uint8, [24, 8, 8, 2], allowed uint8 or"),
    "none": ({"images": IMAGES[:0], "labels": LABELS[:0]}, "images: found uint8, [0, 8, 8, 3], allowed uint8 or"),
    "fewer labels": (
        {"images": IMAGES, "labels": LABELS[1:]},
        "labels: found int64, [23], allowed integers or texts, [24",
    ),
    "real labels": ({"images": IMAGES, "labels": LABELS / 2}, "labels: found float64, [24], allowed integers or texts"),
    "objects": (
        {"images": IMAGES, "labels": LABELS.astype(object)},
        "not readable as an NPZ file (Object arrays cannot",
    ),
    "half a character": (
        {"images": IMAGES, "labels": np.array(["a", "\ud800"] * 12)},
        "labels: found the character '\\ud800', allowed UTF-8",
    ),
    "features": ({"features": NAN[0], "labels": LABELS}, "features: found float64, [5], allowed numbers, [N, D]"),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_arrays_that_cannot_be_used_are_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    """With file, array, what was found and what is allowed, before any image is read."""
    arrays, expected = MISTAKES[kind]
    path = written(tmp_path, **arrays)
    with pytest.raises(UserError) as refused:
        _ = settings(path, split=SPLIT).info
    assert str(refused.value).startswith(f"path: {path}: {expected}")


def test_features_that_are_not_finite_are_refused_by_fetch(tmp_path: Path) -> None:
    """With record and column."""
    features = np.zeros((24, 5))
    features[3, 2] = np.inf
    path = written(tmp_path, features=features, labels=LABELS)
    with pytest.raises(UserError, match="features: found inf in record 3, column 2, allowed numbers from -1e"):
        fetched(path, split=SPLIT)


def test_classes_must_be_two_and_in_training(tmp_path: Path) -> None:
    """One class, and a class that only test has."""
    with pytest.raises(UserError, match="path: found one class, '0', allowed at least two"):
        _ = settings(written(tmp_path, images=IMAGES, labels=0 * LABELS), split=SPLIT).info
    parts = {"train_images": IMAGES, "train_labels": LABELS, "test_images": IMAGES, "test_labels": LABELS + 1}
    with pytest.raises(UserError, match="path: found the class '3' in test and not in training, allowed classes"):
        _ = settings(written(tmp_path, **parts)).info


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 no more", b"\x93NUMPY"])
def test_a_file_that_is_no_archive_is_refused_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    """No file, an empty one, one cut off, and one array by itself."""
    path = tmp_path / "arrays.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as refused:
        _ = settings(path, split=SPLIT).info
    assert str(refused.value).startswith(
        f"path: found {path}, allowed" if content is None else f"path: {path}: not read"
    )
    assert str(refused.value).isprintable()


def test_a_truncated_array_is_refused_by_fetch(tmp_path: Path) -> None:
    """The archive's own checksum differs; the line names the file."""
    path = written(tmp_path, labels=LABELS, images=IMAGES)
    content = bytearray(path.read_bytes())
    content[content.index(IMAGES.tobytes()[:50]) + 20] ^= 255
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"path: .*arrays\.npz: not readable as an NPZ file \(Bad CRC-32"):
        fetched(path, split=SPLIT)
