"""Tiny ImageNet, out of the official archive or an unpacked copy; its download is tested with the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_pictures import SmallTinyImagenet, picture
from small_sets import dataset_settings

from privprune.datasets.catalogue import DATASETS
from privprune.datasets.dataset import Dataset
from privprune.datasets.prepare import fetch, read_dataset
from privprune.datasets.sources import Source
from privprune.errors import UserError


@pytest.fixture
def small() -> SmallTinyImagenet:
    """Return three classes; their archive has not the official checksum unless a test says so."""
    return SmallTinyImagenet()


def loaded(root: Path, accept: Any = "verified") -> Dataset:
    """Load the set from one folder."""
    return read_dataset(DATASETS["tiny-imagenet"], Source((root,), root, accept))


@pytest.mark.parametrize("packed", [False, True])
def test_archive_and_folder_give_the_same_set(tmp_path: Path, small: SmallTinyImagenet, packed: bool) -> None:
    """Training images by sorted class, then the validation images with the labels of their list; grey in colour."""
    if packed:
        (tmp_path / "tiny-imagenet-200.zip").write_bytes(small.archive())
    else:
        small.write(tmp_path)
    found = loaded(tmp_path, "as_found")
    assert small.same(found.images, found.labels)
    assert (found.name, found.official_train, found.classes) == ("tiny-imagenet", 6, 3)
    assert found.note.startswith("tiny-imagenet accepted as found")


def test_the_official_archive_needs_no_note(
    tmp_path: Path, small: SmallTinyImagenet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The archive is read where a folder lies beside it, nothing is unpacked, and nothing has to be said."""
    small.official(monkeypatch)
    (tmp_path / "tiny-imagenet-200.zip").write_bytes(small.archive())
    (tmp_path / "tiny-imagenet-200").mkdir()
    found = loaded(tmp_path)
    assert small.same(found.images, found.labels)
    assert found.note == ""
    assert not any((tmp_path / "tiny-imagenet-200").iterdir())


def test_what_is_not_verified_is_refused(tmp_path: Path, small: SmallTinyImagenet) -> None:
    """Under `verified` an unpacked copy and another archive end with what is needed and what would be accepted."""
    small.write(tmp_path)
    with pytest.raises(UserError, match=r"tiny-imagenet-200\.zip: the file is missing, .*`accept: as_found`"):
        loaded(tmp_path)
    (tmp_path / "tiny-imagenet-200.zip").write_bytes(small.archive())
    with pytest.raises(UserError, match=r"tiny-imagenet-200\.zip: found md5 .*expected 90528d7c"):
        loaded(tmp_path)


def test_wrong_counts_are_reported(tmp_path: Path, small: SmallTinyImagenet) -> None:
    """A copy of other counts than the suite expects ends in one line, and nothing is written."""
    small.write(tmp_path)
    expected = {"classes": 200, "train": 100000, "test": 10000}
    settings = dataset_settings(name="tiny-imagenet", accept="as_found", expected=expected)
    with pytest.raises(UserError) as failed:
        fetch(settings, tmp_path / "out", {"PRIVPRUNE_DATA": str(tmp_path)}, tmp_path / "downloads")
    assert str(failed.value) == (
        "dataset tiny-imagenet: expected 200 classes, 100,000 train and 10,000 test records, "
        "found 3 classes, 6 train and 3 test records"
    )
    assert not (tmp_path / "out").exists()


FIRST = "train/n00000000/images/n00000000_0.JPEG"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"val/val_annotations.txt": None}, "holds no readable val/val_annotations.txt"),
        ({"val/images/val_1.JPEG": None}, "holds no readable val/images/val_1.JPEG"),
        ({"val/val_annotations.txt": b""}, "val_annotations.txt: is empty"),
        ({"val/val_annotations.txt": b"val_0.JPEG\tn9\t0\n"}, "val_annotations.txt: line 1 names n9, not in train"),
        ({"val/val_annotations.txt": b"val_0.JPEG\n"}, "val_annotations.txt: line 1 names no class"),
        ({FIRST: b""}, f"{FIRST}: not readable as an image"),
        ({FIRST: "cut"}, f"{FIRST}: not readable as an image .*truncated"),
        ({FIRST: picture(0, 32, 64)}, f"{FIRST}: found 32x64 pixels, allowed 64x64"),
        ("no train", "no images here, expected train/<wnid>/images"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_damaged_copy_is_reported(
    tmp_path: Path, small: SmallTinyImagenet, packed: bool, changed: Any, message: str
) -> None:
    """A part that is missing, cut short or of another kind ends in one line with its name."""
    changes = dict.fromkeys(small.train) if changed == "no train" else changed
    for name, content in changes.items():
        whole = small.files.pop(name)
        if content is not None:
            small.files[name] = whole[: len(whole) // 2] if content == "cut" else content
    if packed:
        (tmp_path / "tiny-imagenet-200.zip").write_bytes(small.archive())
    else:
        small.write(tmp_path)
    with pytest.raises(UserError, match=f"tiny-imagenet-200.*{message}") as failed:
        loaded(tmp_path, "as_found")
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_archive_is_reported(tmp_path: Path, small: SmallTinyImagenet, damage: str) -> None:
    """An archive cut short, or with a flipped bit in an image, ends with its name."""
    content = bytearray(small.archive())
    if damage == "cut":
        content = content[: len(content) // 2]
    else:
        content[content.index(small.train[FIRST]) + 100] ^= 1
    (tmp_path / "tiny-imagenet-200.zip").write_bytes(content)
    with pytest.raises(UserError, match=r"tiny-imagenet-200\.zip: not readable as an archive"):
        loaded(tmp_path, "as_found")
