"""Folders of image files: what a suite knows of them before anything is decoded, and what is refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_files import SPLIT, own_entry, write_pictures
from PIL import Image

from privprune.datasets.dataset import Dataset
from privprune.datasets.entry_kinds import DATASET_ENTRY
from privprune.datasets.own_format import own_data_state
from privprune.datasets.prepare import fetch, load_dataset
from privprune.errors import UserError
from privprune.settings import read


def settings(path: Path, **keys: Any) -> Any:
    """Return the settings of an entry for grey images of 8 pixels."""
    return read(DATASET_ENTRY, own_entry("folder", path, **{"size": 8, "channels": 1, **keys}), "P: datasets.mine")


def fetched(path: Path, **keys: Any) -> Dataset:
    """Return the records as the stages see them."""
    folder = path.parent / "out" / "mine"
    fetch(settings(path, **keys), folder, {}, path.parent)
    return load_dataset(folder)


def test_a_drawn_split_has_every_picture_once(tmp_path: Path) -> None:
    """Each class gives its share to test, labels are those of the folders, and names of classes are kept."""
    path = write_pictures(tmp_path / "pictures", 12, ("cat", "dog", "an owl"))
    info, found = settings(path, split=SPLIT).info, fetched(path, split=SPLIT)
    assert (info.classes, info.channels, info.size, info.train_records, info.test_records) == (3, 1, 8, 27, 9)
    assert found.class_names == ("an owl", "cat", "dog")
    assert found.labels[27:].bincount().tolist() == [3, 3, 3]
    greys = found.images.float().mean((1, 2, 3))
    for label, grey in enumerate((120, 40, 80)):
        assert (greys[found.labels == label] - grey).abs().max() < 8
    assert len(found.images.flatten(1).unique(dim=0)) == 36
    assert fetched(path, split=SPLIT).fingerprint == found.fingerprint
    assert fetched(path, split={**SPLIT, "seed": 2}).fingerprint != found.fingerprint


def test_divided_folders_are_the_parts(tmp_path: Path) -> None:
    """Without a split, `train` and `test` say what is what; a class may be missing in test."""
    write_pictures(tmp_path / "pictures" / "train", 6)
    path = write_pictures(tmp_path / "pictures" / "test", 2, ("dog",)).parent
    found = fetched(path, channels=3)
    assert (found.official_train, found.images.shape) == (12, (14, 3, 8, 8))
    assert found.labels[12:].tolist() == [1, 1]


def test_a_class_of_one_picture_stays_in_training(tmp_path: Path) -> None:
    """No draw leaves a class to test alone, however large the share."""
    path = write_pictures(tmp_path / "pictures", 8)
    write_pictures(path, 1, ("owl",))
    for seed in range(5):
        found = fetched(path, split={"test": 0.8, "seed": seed}, protocols={})
        train = found.labels[: found.official_train]
        assert train.bincount(minlength=3).min() == 1
        assert len(train) == round(0.2 * 17)


def test_what_file_managers_leave_behind_is_passed_over(tmp_path: Path) -> None:
    """Hidden files, Thumbs.db and the like are no records, and no mistakes."""
    path = write_pictures(tmp_path / "pictures", 8)
    before = fetched(path, split=SPLIT).fingerprint
    for name in (".DS_Store", "cat/.hidden.png", "cat/Thumbs.db", "dog/desktop.ini"):
        (path / name).write_bytes(b"x")
    (path / "__MACOSX").mkdir()
    assert fetched(path, split=SPLIT).fingerprint == before


def test_links_to_files_are_followed(tmp_path: Path) -> None:
    """A class may be made of links to files elsewhere."""
    path = write_pictures(tmp_path / "pictures", 8)
    before = fetched(path, split=SPLIT).fingerprint
    shutil.move(path / "cat" / "0.png", tmp_path / "elsewhere.png")
    (path / "cat" / "0.png").symlink_to(tmp_path / "elsewhere.png")
    assert fetched(path, split=SPLIT).fingerprint == before


def add(name: str, content: bytes = b"x") -> Callable[[Path], None]:
    """Return what writes a file."""
    return lambda path: (path / name).write_bytes(content) and None


def not_utf_8(path: Path) -> None:
    """Add a file whose name is Latin-1."""
    (path / "cat" / os.fsdecode(b"caf\xe9.png")).write_bytes(b"x")


def linked_folder(path: Path) -> None:
    """Move a class elsewhere and link to it."""
    shutil.move(path / "dog", path.parent / "dog")
    (path / "dog").symlink_to(path.parent / "dog")


def one_class(path: Path) -> None:
    """Remove a class."""
    shutil.rmtree(path / "dog")


def nothing(path: Path) -> None:
    """Remove all classes."""
    for name in ("cat", "dog"):
        shutil.rmtree(path / name)


def divided(path: Path) -> None:
    """Let the classes be train and test."""
    (path / "cat").rename(path / "train")
    (path / "dog").rename(path / "test")


MISTAKES: dict[str, tuple[Callable[[Path], object], str]] = {
    "zero bytes": (add("cat/zero.png", b""), "path: {path}/cat/zero.png: found 0 bytes, allowed an image"),
    "no image": (add("cat/notes.txt"), "path: {path}/cat/notes.txt: found a name of no image, allowed .avif, .bmp,"),
    "beside": (add("stray.png"), "path: {path}/stray.png: found a file beside the folders of classes, allowed train/"),
    "nested": (
        lambda path: (path / "cat" / "kittens").mkdir(),
        "path: {path}/cat/kittens: found a folder in the folder of a class, allowed image files",
    ),
    "empty class": (
        lambda path: (path / "owl").mkdir(),
        "path: {path}/owl: found no image in the folder of a class, allowed at least one",
    ),
    "dangling link": (
        lambda path: (path / "cat" / "gone.png").symlink_to("nowhere"),
        "path: {path}/cat/gone.png: found a link to nothing or a special file, allowed image files",
    ),
    "not UTF-8": (not_utf_8, "path: {path}/cat/caf\\udce9.png: found a name that is not UTF-8, allowed UTF-8; rename"),
    "linked folder": (linked_folder, "path: {path}/dog: found a link to a folder, allowed folders"),
    "one class": (one_class, "path: found one class, 'cat', allowed at least two"),
    "no class": (nothing, "path: {path}: found no folders of classes, allowed train/<class>/<image>"),
    "no folder": (shutil.rmtree, "path: found {path}, allowed an existing folder of train/<class>/<image>"),
    "divided": (divided, "split: found one, and the folders train and test in {path}, allowed null with these"),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_folder_that_cannot_be_used_is_refused_before_anything_is_decoded(tmp_path: Path, kind: str) -> None:
    """One line with the file, when a suite is checked and when it is fetched."""
    change, expected = MISTAKES[kind]
    path = write_pictures(tmp_path / "pictures", 4)
    change(path)
    with pytest.raises(UserError) as refused:
        _ = settings(path, split=SPLIT).info
    assert str(refused.value).startswith(expected.format(path=path))
    with pytest.raises(UserError) as refused:
        fetched(path, split=SPLIT)
    assert str(refused.value).startswith(f"datasets.mine.{expected.format(path=path)}")


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (("cat", "owl"), "path: found the class 'owl' in test and not in training, allowed classes of which training"),
        (None, "path: {path}: found no folder test, allowed train/<class>/<image> and test/<class>/<image>"),
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path: Path, classes: tuple[str, ...] | None, message: str) -> None:
    """A class of which training has nothing, and a part that is missing."""
    path = write_pictures(tmp_path / "pictures" / "train", 4).parent
    if classes:
        write_pictures(path / "test", 2, classes)
    with pytest.raises(UserError) as refused:
        _ = settings(path).info
    assert str(refused.value).startswith(message.format(path=path))


def test_a_picture_that_cannot_be_decoded_is_named_by_fetch(tmp_path: Path) -> None:
    """A truncated file, whatever its name has in it: the line is one line, and begins with the entry."""
    path = write_pictures(tmp_path / "pictures", 8)
    name = "half\n\u202egnp.\U0001f431.png"
    whole = (path / "cat" / "0.png").read_bytes()
    (path / "cat" / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError) as refused:
        fetched(path, split=SPLIT)
    line = str(refused.value)
    assert line.startswith(f"datasets.mine.path: {path}/cat/half\\n\\u202egnp.")
    assert line.isprintable()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("~nobody-of-this-name/x", "path: found ~nobody-of-this-name/x, allowed ~/ for your own home folder"),
        ("/dev/null", "path: found /dev/null, allowed an existing folder of"),
    ],
)
def test_a_path_of_nobody_and_a_device_are_refused(path: str, expected: str) -> None:
    """Neither is a folder that could be listed."""
    with pytest.raises(UserError) as refused:
        _ = settings(Path(path), split=SPLIT).info
    assert str(refused.value).startswith(expected)


def test_a_dry_run_says_whether_the_data_is_there(tmp_path: Path) -> None:
    """In one line with the path, whatever it is."""
    assert own_data_state(str(tmp_path)) == f"your own, {tmp_path}"
    for path in (str(tmp_path / "gone"), "~nobody-of-this-name/x"):
        assert own_data_state(path) == f"MISSING: {path}, the `path` of your own data"


def test_more_than_memory_can_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records times pixels times channels, before an array of that size is asked for."""
    monkeypatch.setattr("privprune.datasets.own_format.MOST_BYTES", 1000)
    with pytest.raises(UserError, match="size: found 16 records of 64 bytes, allowed at most 15 of this size"):
        _ = settings(write_pictures(tmp_path / "pictures", 8), split=SPLIT).info


def test_every_suffix_is_of_a_format_that_is_decoded(tmp_path: Path) -> None:
    """A folder with one file of each suffix, in upper case too, has that many records."""
    path = write_pictures(tmp_path / "pictures", 4)
    suffixes = (".jpg", ".JPEG", ".PNG", ".gif", ".bmp", ".tif", ".TIFF", ".webp", ".ppm", ".jp2", ".avif")
    for number, suffix in enumerate(suffixes):
        kind = {".ppm": "PPM", ".jp2": "JPEG2000", ".avif": "AVIF"}.get(suffix, Image.EXTENSION.get(suffix.lower()))
        image = Image.fromarray(np.full((16, 16, 3), 20 * number, dtype=np.uint8))
        image.save(path / "cat" / f"of{suffix}", kind or "PNG")
    assert settings(path, split=SPLIT).info.train_records == 8 + len(suffixes) - round(0.25 * (8 + len(suffixes)))
    assert len(fetched(path, split=SPLIT).images) == 8 + len(suffixes)
