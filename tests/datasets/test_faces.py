"""FaceScrub and the ORL faces, from the user's own folder."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from small_pictures import write_facescrub, write_orl_faces
from small_sets import dataset_settings
from torchvision.transforms import InterpolationMode, functional

from privprune.datasets.catalogue import DATASETS
from privprune.datasets.dataset import Dataset
from privprune.datasets.prepare import fetch, read_dataset
from privprune.datasets.sources import Source
from privprune.errors import UserError


def loaded(name: str, root: Path) -> Dataset:
    """Load a set from one folder."""
    return read_dataset(DATASETS[name], Source((root,), root, "verified"))


def resized(content: bytes, mode: str, side: int) -> torch.Tensor:
    """Return a picture as torchvision resizes it with Pillow, uint8 [C, side, side]."""
    image = Image.open(io.BytesIO(content)).convert(mode)
    if mode == "L":
        image = functional.center_crop(image, [92, 92])
    return functional.pil_to_tensor(functional.resize(image, [side, side], InterpolationMode.BILINEAR))


# ------------------------------------------------------------------------------------------------------------ FaceScrub


def test_facescrub_is_train_then_validate_at_48_pixels(tmp_path: Path) -> None:
    """Records come by part, sorted person and file, each resized to 48x48 as torchvision does."""
    files = write_facescrub(tmp_path)
    (tmp_path / "facescrub" / "train" / "Person_000" / "._0.jpg").write_bytes(b"what some systems leave")
    (tmp_path / "facescrub" / "train" / "faces.txt").write_text("a list")
    found = loaded("facescrub", tmp_path)
    assert (found.name, found.official_train, found.classes, found.note) == ("facescrub", 6, 3, "")
    assert found.labels.tolist() == [0, 0, 1, 1, 2, 2, 0, 1, 2]
    for image, name in zip(found.images, sorted(files), strict=True):
        assert torch.equal(image, resized(files[name], "RGB", 48))


def test_people_without_training_pictures_are_no_classes(tmp_path: Path) -> None:
    """An empty folder of training pictures is no class, and nobody needs a picture to validate."""
    write_facescrub(tmp_path)
    (tmp_path / "facescrub" / "train" / "Nobody").mkdir()
    shutil.rmtree(tmp_path / "facescrub" / "validate" / "Person_001")
    found = loaded("facescrub", tmp_path)
    assert found.classes == 3
    assert found.labels.tolist() == [0, 0, 1, 1, 2, 2, 0, 2]


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        (
            "",
            r"facescrub is missing: looked for facescrub/train/.*winklerbros.*into the folder named by PRIVPRUNE_DATA$",
        ),
        ("validate", r"facescrub/validate: the folder is missing, expected facescrub/train/<person>"),
        ("train/Person_002", r"validate/Person_002: a person of whom train holds no picture"),
        (
            "train/Person_000/0.jpg",
            "expected 3 classes, 6 train and 3 test records, found 3 classes, 5 train and 3 test",
        ),
    ],
)
def test_an_incomplete_facescrub_is_reported(tmp_path: Path, removed: str, message: str) -> None:
    """What is missing ends in one line, and nothing is written."""
    write_facescrub(tmp_path / "users")
    path = tmp_path / "users" / "facescrub" / removed
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    settings = dataset_settings(name="facescrub", expected={"classes": 3, "train": 6, "test": 3})
    with pytest.raises(UserError, match=message):
        fetch(settings, tmp_path / "out", {"PRIVPRUNE_DATA": str(tmp_path / "users")}, tmp_path / "downloads")
    assert not (tmp_path / "out").exists()


def test_facescrub_without_pictures_is_reported(tmp_path: Path) -> None:
    """Folders without a picture end with the layout that is needed."""
    (tmp_path / "facescrub" / "train" / "Person_000").mkdir(parents=True)
    with pytest.raises(UserError, match=r"facescrub/train: no images here, expected facescrub/train/<person>"):
        loaded("facescrub", tmp_path)


# ------------------------------------------------------------------------------------------------------------------ ORL


@pytest.mark.parametrize("kind", ["png", "pgm"])
def test_orl_faces_are_eight_and_two_of_each_person(tmp_path: Path, kind: str) -> None:
    """Photographs 1 to 8 of the people in numeric order, then 9 and 10; centre-cropped, resized to 64x64, grey."""
    files = write_orl_faces(tmp_path, kind)
    found = loaded("orl-faces", tmp_path)
    assert (found.official_train, found.classes, tuple(found.images.shape)) == (320, 40, (400, 1, 64, 64))
    assert found.labels.tolist() == [p for p in range(40) for _ in range(8)] + [p for p in range(40) for _ in range(2)]
    order = [(s, n) for part in (range(1, 9), (9, 10)) for s in range(1, 41) for n in part]
    for image, (person, number) in list(zip(found.images, order, strict=True))[::7]:
        assert torch.equal(image, resized(files[f"s{person}/{number}.{kind}"], "L", 64))


# ----------------------------------------------------------------------------------------------------------------- both


def test_a_missing_orl_copy_is_reported(tmp_path: Path) -> None:
    """The line says where it comes from, whom to credit, and where to put it."""
    with pytest.raises(UserError, match=r"^orl-faces is missing: .*Samaria and Harter, 1994.*PRIVPRUNE_DATA$"):
        loaded("orl-faces", tmp_path)


@pytest.mark.parametrize(
    ("name", "file"), [("facescrub", "facescrub/train/Person_001/1.PNG"), ("orl-faces", "orl_faces/s12/3.png")]
)
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[: len(content) // 2], "not readable as an image"),
        (lambda _: b"no picture", "not readable as an image"),
    ],
    ids=["truncated", "text"],
)
def test_a_damaged_face_is_reported(
    tmp_path: Path, name: str, file: str, damage: Callable[[bytes], bytes], message: str
) -> None:
    """A picture cut short, and a file that is no picture, end in one line with its name."""
    write_facescrub(tmp_path)
    write_orl_faces(tmp_path)
    path = tmp_path / file
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=f"{file}: {message}") as failed:
        loaded(name, tmp_path)
    assert "\n" not in str(failed.value)


def test_a_missing_or_resized_orl_face_is_reported(tmp_path: Path) -> None:
    """A photograph that is not there, or of another size, ends with its name."""
    write_orl_faces(tmp_path)
    path = tmp_path / "orl_faces" / "s7" / "10.png"
    Image.new("L", (64, 64)).save(path)
    with pytest.raises(UserError, match=r"s7/10\.png: found 64x64 pixels, allowed 92x112"):
        loaded("orl-faces", tmp_path)
    path.unlink()
    with pytest.raises(UserError, match=r"s7/10\.png: the file is missing in this copy, expected orl_faces/s1/1\.png"):
        loaded("orl-faces", tmp_path)
