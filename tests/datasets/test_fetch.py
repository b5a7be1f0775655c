"""What fetch writes, what it refuses, and that it writes all or nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_pictures import SmallTinyImagenet, write_facescrub, write_orl_faces
from small_sets import POOLS, SmallCifar, SmallMnist, dataset_settings, files_below

from privprune.datasets.catalogue import DATASETS
from privprune.datasets.prepare import fetch, load_dataset, load_split, read_dataset
from privprune.datasets.sources import Source
from privprune.datasets.splits import MEMBER_ROLES, Extent, split_roles
from privprune.errors import UserError


def fetched(tmp_path: Path, environment: dict[str, str] | None = None, **changed: Any) -> Path:
    """Fetch the digits with some settings changed and return the output folder."""
    folder = tmp_path / "data" / "datasets" / "digits"
    fetch(dataset_settings(**changed), folder, environment or {}, tmp_path / "data" / "downloads")
    return folder


def test_digits_are_scikit_learns(tmp_path: Path) -> None:
    """Divided anew, the digits are the 1,797 of scikit-learn: sixteen grey steps over the full range, labels kept."""
    from sklearn.datasets import load_digits  # noqa: PLC0415

    found = load_dataset(fetched(tmp_path))
    official = load_digits()
    assert (tuple(found.images.shape), found.images.dtype) == ((1797, 1, 8, 8), torch.uint8)
    assert (found.official_train, found.classes, found.note) == (1500, 10, "")
    steps = np.rint(found.images.double().numpy().reshape(1797, 64) * 16 / 255).astype(int)
    assert set(np.unique(found.images)) == {round(step * 255 / 16) for step in range(17)}
    ours = sorted(zip(steps.tolist(), found.labels.tolist(), strict=True))
    assert ours == sorted(zip(official.data.astype(int).tolist(), official.target.tolist(), strict=True))


def test_two_fetches_give_the_same_bytes(tmp_path: Path) -> None:
    """Everything that fetch writes is byte for byte the same the next time, and nothing else is written."""
    first = fetched(tmp_path / "a")
    second = fetched(tmp_path / "b")
    assert files_below(tmp_path / "a") == [
        f"data/datasets/digits/{name}" for name in ("data.safetensors", "dataset.json", "splits.npz")
    ]
    for file in first.iterdir():
        assert file.read_bytes() == (second / file.name).read_bytes()


def test_the_fingerprint_is_the_sha256_of_images_and_labels(tmp_path: Path) -> None:
    """The fingerprint is the checksum of the images' bytes followed by the labels' bytes."""
    found = load_dataset(fetched(tmp_path))
    content = found.images.numpy().tobytes() + found.labels.numpy().tobytes()
    assert found.fingerprint == hashlib.sha256(content).hexdigest()


def test_stored_splits_are_those_drawn(tmp_path: Path) -> None:
    """What load_split reads for a model are the members that the protocol draws for it; `paper` shares one row."""
    folder = fetched(tmp_path)
    settings, extent = dataset_settings(), Extent(1500, 1797, 2, 4)
    labels = load_dataset(folder).labels.numpy()
    for protocol, models in (("clean", 6), ("paper", 2)):
        rows = split_roles(protocol, settings.protocols[protocol], extent, labels)
        for model in range(models):
            row = rows[min(model, len(rows) - 1)]
            expected = np.flatnonzero(np.isin(row, MEMBER_ROLES))
            assert load_split(folder, protocol, model).members.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("protocol", "model", "message"),
    [
        ("clean", 6, "found model 6, prepared under clean are 0 to 5"),
        ("clean", -1, "found model -1, prepared under clean are 0 to 5"),
        ("paper", 2, "found model 2, prepared under paper are 0 to 1; .*shadow models need protocol clean"),
        ("fair", 0, "found protocol fair, prepared for this data set are clean, paper"),
    ],
)
def test_a_split_that_was_not_prepared_is_reported(tmp_path: Path, protocol: str, model: int, message: str) -> None:
    """Asking for another model or protocol ends with those that are there."""
    with pytest.raises(UserError, match=message):
        load_split(fetched(tmp_path), protocol, model)


@pytest.mark.parametrize("limit", [100, 1499, 1500])
def test_a_limit_keeps_training_records_evenly_and_all_test_records(tmp_path: Path, limit: int) -> None:
    """`limit` records of the training set stay, in order and evenly spaced; the note says so when some are gone."""
    source = Source((), tmp_path, "verified")
    whole = read_dataset(DATASETS["digits"], source)
    found = load_dataset(fetched(tmp_path, limit=limit))
    assert (found.official_train, len(found.labels)) == (limit, limit + 297)
    assert torch.equal(found.images[limit:], whole.images[1500:])
    places = [position * 1500 // limit for position in range(limit)]
    assert torch.equal(found.images[:limit], whole.images[places])
    assert torch.equal(found.labels[:limit], whole.labels[places])
    assert found.note == ("" if limit == 1500 else f"{limit} of 1500 training records")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "svhn"}, "datasets.digits.name: found 'svhn', allowed cifar10, cifar100, digits, digits-r"),
        ({"protocols": {"fair": POOLS}}, "datasets.digits.protocols: found fair, allowed paper, clean"),
        (
            {"protocols": {"paper": POOLS | {"members": 9}}},
            "datasets.digits.protocols.paper.members: found 9, allowed null",
        ),
        ({"accept": "anything"}, "datasets.digits.accept: found 'anything', allowed verified, as_found"),
        ({"limit": 0}, "datasets.digits.limit: found 0, allowed at least 1"),
        ({"targets": 0}, "datasets.digits.targets: found 0, allowed at least 1"),
        ({"shadows": -1}, "datasets.digits.shadows: found -1, allowed at least 0"),
        ({"split": 1}, "datasets.digits.split: unknown key"),
    ],
)
def test_wrong_settings_are_reported(wrong: dict[str, Any], message: str) -> None:
    """A key, name or size that does not exist ends with what was found and what is allowed."""
    with pytest.raises(UserError, match=message):
        dataset_settings(**wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"limit": 1501}, "dataset digits: limit: found 1501, allowed at most 1500"),
        (
            {"limit": 4, "protocols": {"paper": POOLS}},
            r"dataset digits: found class \d in test and not in training, .* missing among 4 training records",
        ),
        (
            {"expected": {"classes": 10, "train": 1500, "test": 298}},
            "expected 10 classes, 1,500 train and 298 test records, found 10 classes, 1,500 train and 297 test",
        ),
        (
            {"protocols": {"clean": POOLS | {"reference": 9999}}},
            "dataset digits: protocols.clean: non-members .* 9999 reference .*allowed at most 750",
        ),
    ],
)
def test_a_set_that_does_not_fit_leaves_what_was_there(tmp_path: Path, wrong: dict[str, Any], message: str) -> None:
    """When fetch fails, the output of an earlier fetch is as it was, and nothing lies beside it."""
    folder = fetched(tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in files_below(tmp_path)}
    with pytest.raises(UserError, match=message):
        fetched(tmp_path, **wrong)
    assert {name: (tmp_path / name).read_bytes() for name in files_below(tmp_path)} == before
    assert load_dataset(folder).official_train == 1500


def test_expected_counts_that_are_met_pass(tmp_path: Path) -> None:
    """Counts that the set has are accepted."""
    fetched(tmp_path, expected={"classes": 10, "train": 1500, "test": 297})


def test_an_interrupted_fetch_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When fetch is interrupted after it wrote the data, no file stays."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetched(tmp_path)
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("file", ["data.safetensors", "dataset.json", "splits.npz"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
def test_damaged_files_are_reported(tmp_path: Path, file: str, damage: str) -> None:
    """A missing or cut file ends with its name and the way out."""
    path = fetched(tmp_path) / file
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    with pytest.raises(UserError, match=f"{file}: .*dvc repro"):
        load_split(path.parent, "clean", 0) if file == "splits.npz" else load_dataset(path.parent)


def test_a_flipped_bit_is_reported(tmp_path: Path) -> None:
    """Data whose content is not that of the fingerprint are refused."""
    path = fetched(tmp_path) / "data.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"data\.safetensors: missing or damaged .its fingerprint differs"):
        load_dataset(path.parent)


def test_the_users_folder_must_exist(tmp_path: Path) -> None:
    """A PRIVPRUNE_DATA that names no folder is refused before anything is downloaded."""
    with pytest.raises(UserError, match="PRIVPRUNE_DATA: found /no/such, allowed an existing folder"):
        fetched(tmp_path, {"PRIVPRUNE_DATA": "/no/such"})


def test_an_unwritable_output_is_reported(tmp_path: Path) -> None:
    """An output folder that cannot be made ends with its name."""
    (tmp_path / "data").write_text("a file where a folder should be")
    with pytest.raises(UserError, match=r"data/datasets/digits: could not be written"):
        fetched(tmp_path)


@pytest.mark.slow
def test_a_set_has_the_shape_of_the_catalogue(
    tmp_path: Path, small_mnist: SmallMnist, small_cifar10: SmallCifar, small_cifar100: SmallCifar
) -> None:
    """Where a small copy is possible, images and classes are as in the catalogue, with which suites are checked.

    ImageNet and the vehicles have thousands of classes; `test_reidentification_sets` checks those of the vehicles.
    """
    for kind in ("MNIST", "FashionMNIST"):
        small_mnist.write(tmp_path, kind)
    small_cifar10.write(tmp_path)
    small_cifar100.write(tmp_path)
    SmallTinyImagenet(classes=200).write(tmp_path)
    write_facescrub(tmp_path, people=530)
    write_orl_faces(tmp_path)
    small = [name for name in DATASETS if name != "imagenet" and not name.startswith("veri")]
    assert len(small) == 13
    for name in small:
        info = DATASETS[name]
        found, shape = read_dataset(info, Source((tmp_path,), tmp_path, "as_found")), info.image_shape
        assert (tuple(found.images.shape[1:]), found.classes) == (shape.image, shape.classes)


def test_moving_a_set_keeps_all_but_the_device(tmp_path: Path) -> None:
    """On another device the records are those of the same fingerprint."""
    moved = load_dataset(fetched(tmp_path)).to("meta")
    assert (moved.images.device.type, moved.labels.device.type) == ("meta", "meta")
    assert moved.fingerprint == load_dataset(tmp_path / "data" / "datasets" / "digits").fingerprint
