"""ImageNet from a folder: only its files are listed, images are decoded when they are indexed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_sets import dataset_settings, files_below
from torchvision.transforms import functional

from privprune.datasets.folder_images import FolderImages
from privprune.datasets.prepare import fetch, load_dataset, load_split
from privprune.errors import UserError

SIZES = [(300, 280), (257, 400), (100, 90), (256, 256), (224, 500)]
POOL = {"members": 1, "nonmembers": 1}
PROTOCOLS = {
    "clean": {"seed": 0, "members": None, "reference": 1, "selection": POOL, "known": POOL, "evaluation": POOL},
}
SETTINGS = dataset_settings(name="imagenet", expected={"classes": 3, "train": 12, "test": 6}, protocols=PROTOCOLS)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes with four training and two validation images each, of several sizes and colour modes."""
    root = tmp_path_factory.mktemp("users")
    draw = np.random.default_rng(0)
    for part, images in (("train", 4), ("val", 2)):
        for label, wnid in enumerate(("n03", "n01", "n02")):
            folder = root / "imagenet" / part / wnid
            folder.mkdir(parents=True)
            for number in range(images):
                width, height = SIZES[(label + number) % len(SIZES)]
                image = Image.fromarray(draw.integers(0, 256, (height, width, 3), dtype=np.uint8))
                mode = ("RGB", "L", "CMYK")[number % 3]
                image.convert(mode).save(folder / f"{wnid}_{number}.JPEG")
    return root


def fetched(tmp_path: Path, root: Path) -> Path:
    """Fetch the copy below the user's folder and return the output folder."""
    folder = tmp_path / "datasets" / "imagenet"
    fetch(SETTINGS, folder, {"PRIVPRUNE_DATA": str(root)}, tmp_path / "downloads")
    return folder


def test_images_are_those_of_torchvisions_transform(tmp_path: Path, copy: Path) -> None:
    """Indexing gives, in the order of the indices, what torchvision's resize to 256 and central crop of 224 give."""
    found = load_dataset(fetched(tmp_path, copy))
    assert isinstance(found.images, FolderImages)
    indices = torch.tensor([17, 0, 5, 5, 3, 12])
    batch = found.images[indices]
    assert (batch.dtype, tuple(batch.shape), len(found.images)) == (torch.uint8, (6, 3, 224, 224), 18)
    assert found.images.shape == (18, 3, 224, 224)
    for image, index in zip(batch, indices.tolist(), strict=True):
        opened = Image.open(copy / "imagenet" / found.images.files[index]).convert("RGB")
        expected = functional.center_crop(functional.resize(opened, 256), [224, 224])
        assert torch.equal(image, functional.pil_to_tensor(expected))


def test_labels_follow_the_sorted_classes(tmp_path: Path, copy: Path) -> None:
    """A record's label is the position of its folder among the sorted ones; train comes first."""
    found = load_dataset(fetched(tmp_path, copy))
    assert (found.official_train, found.classes) == (12, 3)
    for position, (file, label) in enumerate(zip(found.images.files, found.labels.tolist(), strict=True)):
        part, wnid, _ = file.split("/")
        assert (part == "train") == (position < 12)
        assert ["n01", "n02", "n03"].index(wnid) == label


def test_no_image_is_copied(tmp_path: Path, copy: Path) -> None:
    """The output holds names and labels only, is the same the next time, and carries splits as any other set."""
    folder = fetched(tmp_path / "a", copy)
    assert files_below(folder) == ["data.safetensors", "dataset.json", "splits.npz"]
    assert (folder / "data.safetensors").stat().st_size < 2000
    for name in files_below(folder):
        assert (folder / name).read_bytes() == (fetched(tmp_path / "b", copy) / name).read_bytes()
    assert len(load_split(folder, "clean", 0).members) == 6


def test_a_limit_keeps_files(tmp_path: Path, copy: Path) -> None:
    """A limited set lists evenly spaced training files and all validation files."""
    whole = load_dataset(fetched(tmp_path, copy))
    few = whole.limited(5)
    assert few.images.files == tuple(whole.images.files[place] for place in (0, 2, 4, 7, 9, *range(12, 18)))


def test_no_indices_give_no_images(tmp_path: Path, copy: Path) -> None:
    """An empty batch has the shape of a batch."""
    assert tuple(load_dataset(fetched(tmp_path, copy)).images[torch.empty(0, dtype=torch.int64)].shape) == (
        0,
        3,
        224,
        224,
    )


def test_moving_the_set_decodes_to_the_device(tmp_path: Path, copy: Path) -> None:
    """On another device the images are decoded to it, also out of a part of them, and without any."""
    moved = load_dataset(fetched(tmp_path, copy)).to("meta")
    assert moved.labels.device.type == "meta"
    for images in (moved.images, moved.folder_images.subset(torch.arange(2))):
        assert images.device.type == "meta"
        for indices in (torch.tensor([1, 0]), torch.empty(0, dtype=torch.int64)):
            assert images[indices].device.type == "meta"


def test_a_missing_copy_is_reported(tmp_path: Path) -> None:
    """The line says where it comes from, its terms, and where to put it."""
    with pytest.raises(UserError, match=r"imagenet is missing: .*image-net\.org.*non-commercial.*PRIVPRUNE_DATA$"):
        fetched(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("val", r"imagenet/val: the folder is missing"),
        ("val/n01", "train and val hold different classes, n01 is in one of them only"),
        ("train/n01/n01_0.JPEG", "expected 3 classes, 12 train and 6 test records, found 3 classes, 11 train"),
    ],
)
def test_an_incomplete_copy_is_reported(tmp_path: Path, copy: Path, damage: str, message: str) -> None:
    """A missing part, class or file ends with what is missing, and nothing is written."""
    shutil.copytree(copy, tmp_path / "users")
    path = tmp_path / "users" / "imagenet" / damage
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(UserError, match=message):
        fetched(tmp_path, tmp_path / "users")
    assert not (tmp_path / "datasets").exists()


def test_validation_images_must_be_sorted_into_classes(tmp_path: Path, copy: Path) -> None:
    """The flat folder that the official archive unpacks to ends with the layout that is needed."""
    shutil.copytree(copy, tmp_path / "users")
    part = tmp_path / "users" / "imagenet" / "val"
    for image in list(part.rglob("*.JPEG")):
        image.rename(part / image.name)
    with pytest.raises(UserError, match=r"no images here, expected .*val/<wnid>/"):
        fetched(tmp_path, tmp_path / "users")


def test_a_folder_that_went_away_is_reported(tmp_path: Path, copy: Path) -> None:
    """Loading without the user's folder, and indexing a file that is gone or no image, end with the name."""
    shutil.copytree(copy, tmp_path / "users")
    folder = fetched(tmp_path, tmp_path / "users")
    found = load_dataset(folder)
    first, second = (tmp_path / "users" / "imagenet" / found.images.files[index] for index in (0, 1))
    first.unlink()
    second.write_bytes(second.read_bytes()[:100])
    whys = (f"{first}: the image is missing", f"{second}: not readable as an image")
    for index, why in enumerate(whys):
        with pytest.raises(UserError, match=why):
            found.images[torch.tensor([index])]
    shutil.rmtree(tmp_path / "users")
    with pytest.raises(UserError, match="the folder of the images is gone"):
        load_dataset(folder)
