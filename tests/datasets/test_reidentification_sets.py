"""Sets of identities seen by cameras: photo-reid, ORL faces, VeRi-776 and VERI-Wild from small copies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_pictures import picture, write, write_orl_faces
from small_sets import dataset_settings

from privprune.datasets.catalogue import DATASETS
from privprune.datasets.dataset import Dataset
from privprune.datasets.families import photo_reid, photos, vehicles
from privprune.datasets.prepare import _check_identities, fetch, load_dataset, read_dataset
from privprune.datasets.sources import Accept, Source
from privprune.errors import UserError

VERIFIED = Source((), Path("none"), "verified")


@pytest.fixture(scope="module")
def patches() -> Dataset:
    """Return photo-reid."""
    return read_dataset(DATASETS["photo-reid"], VERIFIED)


def loaded(name: str, root: Path, accept: Accept = "verified") -> Dataset:
    """Load a set from one folder."""
    return read_dataset(DATASETS[name], Source((root,), root, accept))


def parts(found: Dataset) -> list[slice]:
    """Return where train, queries and gallery lie."""
    first, second = found.official_train, found.official_train + found.queries
    return [slice(None, first), slice(first, second), slice(second, None)]


def seen(found: Dataset, part: slice) -> set[tuple[int, int]]:
    """Return (identity, camera) of some records."""
    assert found.cameras is not None
    return set(zip(found.labels[part].tolist(), found.cameras[part].tolist(), strict=True))


# ----------------------------------------------------------------------------------------------------------- photo-reid


def test_every_place_is_seen_by_every_camera(patches: Dataset) -> None:
    """64 training identities four times by each of 4 cameras; 40 others once as query, three times in the gallery."""
    assert (patches.classes, patches.official_train, patches.queries) == (64, 1024, 160)
    for part, identities, views in zip(
        parts(patches), (range(64), range(64, 104), range(64, 104)), (4, 1, 3), strict=True
    ):
        assert seen(patches, part) == {(identity, camera) for identity in identities for camera in range(4)}
        assert len(patches.labels[part]) == len(identities) * 4 * views
    assert len({image.numpy().tobytes() for image in patches.images}) == len(patches.images)


def test_the_pixels_are_the_known_ones(patches: Dataset) -> None:
    """With Pillow's own JPEG decoder the fingerprint is the one that published records name."""
    assert patches.fingerprint == "d9e3d8d767730ec926c122b41b3907906a29a9486836215dc04b9e37b25e5fc5"


def test_identities_share_no_pixel() -> None:
    """Places touch at most; test identities lie in the held-out squares, training identities outside of them."""
    for photograph in photos.PHOTOGRAPHS:
        pixels, _ = photos.read_photograph(photograph, VERIFIED)
        held_out = np.zeros(pixels.shape[1:], dtype=bool)
        top, left = photograph.held_out
        held_out[top : top + photos.HELD_OUT, left : left + photos.HELD_OUT] = True
        taken = np.zeros_like(held_out)
        for inside, wanted in ((False, 8), (True, 5)):
            corners = photo_reid.patch_corners(photograph, pixels, wanted, inside=inside)
            assert len(corners) == wanted
            for row, column in corners:
                area = slice(row, row + 48), slice(column, column + 48)
                assert held_out[area].shape == (48, 48)
                assert not taken[area].any()
                assert held_out[area].all() if inside else not held_out[area].any()
                taken[area] = True


def test_a_plain_camera_cuts_the_middle() -> None:
    """Without angle, scale and shift a record is the central 32 x 32 of its place; a gain of a half halves it."""
    pixels = np.random.default_rng(0).integers(0, 256, (3, 96, 96), dtype=np.uint8)
    plain = photo_reid.CAMERAS[0]
    cut = pixels[:, 48 + 8 : 48 + 40, 8:40]
    assert np.array_equal(photo_reid.view_of(pixels, np.array([48, 0]), plain, (0, 0)), cut)
    half = replace(plain, gain=(0.5, 0.5, 0.5))
    assert np.array_equal(photo_reid.view_of(pixels, np.array([48, 0]), half, (0, 0)), (cut.astype(int) + 1) // 2)
    aside = photo_reid.view_of(pixels, np.array([48, 0]), plain, (2, -1))
    assert np.array_equal(aside, pixels[:, 48 + 10 : 48 + 42, 7:39])


def test_a_quarter_turn_turns() -> None:
    """At 90 degrees a record is the plain one turned."""
    pixels = np.random.default_rng(1).integers(0, 256, (3, 48, 48), dtype=np.uint8)
    plain = photo_reid.CAMERAS[0]
    turned = photo_reid.view_of(pixels, np.array([0, 0]), replace(plain, angle=90.0), (0, 0))
    expected = np.rot90(photo_reid.view_of(pixels, np.array([0, 0]), plain, (0, 0)), -1, axes=(1, 2))
    assert np.array_equal(turned, expected) or np.array_equal(turned, np.rot90(expected, 2, axes=(1, 2)))


def test_cameras_and_queries_are_kept_by_files_and_limits(tmp_path: Path, patches: Dataset) -> None:
    """What is stored, limited and moved has the cameras of the same pictures, and they are part of the fingerprint."""
    fetch(dataset_settings(name="photo-reid", limit=512), tmp_path / "set", {}, tmp_path)
    found = load_dataset(tmp_path / "set").to("cpu")
    assert (found.official_train, found.queries) == (512, 160)
    kept = torch.cat([torch.arange(512) * 2, torch.arange(1024, 1664)])
    assert patches.cameras is not None
    assert found.cameras is not None
    assert torch.equal(found.cameras, patches.cameras[kept])
    assert torch.equal(found.images, patches.images[kept])
    other = Dataset.of(
        "photo-reid",
        patches.images,
        patches.labels,
        official_train=1024,
        classes=64,
        cameras=1 - patches.cameras,
        queries=160,
    )
    assert other.fingerprint != patches.fingerprint


# ------------------------------------------------------------------------------------------------------------------ ORL


def test_orl_reid_shows_strangers(tmp_path: Path) -> None:
    """People 1 to 30 are train, of the other ten photographs 1 to 3 are queries and 4 to 10 the gallery."""
    write_orl_faces(tmp_path)
    found, faces = loaded("orl-reid", tmp_path), loaded("orl-faces", tmp_path)
    assert (found.classes, found.official_train, found.queries, len(found.labels)) == (30, 300, 30, 400)
    expected = [(range(30), range(10)), (range(30, 40), range(3)), (range(30, 40), range(3, 10))]
    for part, (people, numbers) in zip(parts(found), expected, strict=True):
        assert seen(found, part) == {(person, number) for person in people for number in numbers}
    assert found.cameras is not None
    for record in range(0, 400, 7):
        person, number = int(found.labels[record]), int(found.cameras[record])
        place = person * 8 + number if number < 8 else 320 + person * 2 + number - 8
        assert torch.equal(found.images[record], faces.images[place])


# ------------------------------------------------------------------------------------------------------------- vehicles


def write_veri(root: Path) -> None:
    """Write three training vehicles and two others, whose queries stand in the gallery too."""
    pixels = picture(1, 40, 30, kind="JPEG")
    train = [f"image_train/{vehicle:04d}_c00{camera}_0_0.jpg" for vehicle in (2, 5, 9) for camera in (1, 2)]
    query = [f"{vehicle:04d}_c003_7_0.jpg" for vehicle in (3, 7)]
    gallery = [*query, *(f"{vehicle:04d}_c001_0_0.jpg" for vehicle in (3, 7))]
    names = [*train, *(f"image_query/{name}" for name in query), *(f"image_test/{name}" for name in gallery)]
    write(root / "VeRi", dict.fromkeys(names, pixels))


def write_wild(root: Path) -> None:
    """Write two training vehicles and two others with their lists."""
    lists = {
        "train_list.txt": ["00001/000001", "00001/000002", "00004/000003", "00004/000004"],
        "test_3000_query.txt": ["00002/000005", "00003/000006"],
        "test_3000.txt": ["00002/000007", "00003/000008"],
    }
    images = [name for lines in lists.values() for name in lines]
    info = ["id/image;Camera ID;Time;Model;Type;Color", *(f"{name};{int(name[-1]) % 3};t;m;t;c" for name in images)]
    texts = {f"train_test_split/{name}": "\n".join(lines).encode() for name, lines in lists.items()}
    texts["train_test_split/vehicle_info.txt"] = "\n".join(info).encode()
    write(root / "VERI-Wild", texts | {f"images/{name}.jpg": picture(1, 40, 30, kind="JPEG") for name in images})


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with small complete copies of both sets."""
    monkeypatch.setattr(vehicles, "VERI776", vehicles.Parts(6, 2, 4))
    monkeypatch.setitem(vehicles.WILD, 3_000, vehicles.Parts(4, 2, 2))
    write_veri(tmp_path)
    write_wild(tmp_path)
    return tmp_path


def test_veri_names_say_vehicle_and_camera(small: Path) -> None:
    """Training vehicles are numbered from 0, the others from there on; copies of queries come first in the gallery."""
    found = loaded("veri776", small)
    assert found.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 4, 3, 4, 3, 4]
    assert found.cameras is not None
    assert found.cameras.tolist() == [1, 2] * 3 + [3, 3, 3, 3, 1, 1]
    assert (found.official_train, found.queries, found.classes, found.note) == (6, 2, 3, "")
    assert tuple(found.images[torch.tensor([0, 7])].shape) == (2, 3, 256, 256)


def test_veri_wild_lists_say_who_and_the_table_which_camera(small: Path, tmp_path: Path) -> None:
    """Vehicles come from the lists, cameras from vehicle_info.txt, pixels resized, and a file keeps that."""
    settings = dataset_settings(name="veri-wild-small", protocols={"paper": POOLS})
    fetch(settings, tmp_path / "out", {"PRIVPRUNE_DATA": str(small)}, tmp_path)
    found = load_dataset(tmp_path / "out")
    assert found.labels.tolist() == [0, 0, 1, 1, 2, 3, 2, 3]
    assert found.cameras is not None
    assert found.cameras.tolist() == [1, 2, 0, 1, 2, 0, 1, 2]
    assert found.images.shape == (8, 3, 256, 256)
    assert tuple(found.images[torch.tensor([3])].shape) == (1, 3, 256, 256)


POOLS = {
    "seed": 0,
    "members": None,
    "reference": 0,
    "selection": {"members": 1, "nonmembers": 1},
    "known": {"members": 1, "nonmembers": 1},
    "evaluation": {"members": None, "nonmembers": None},
}


def without(file: str) -> Callable[[Path], None]:
    """Return the change that removes a file."""
    return lambda root: (root / file).unlink()


def renamed(root: Path) -> None:
    """Give a file a name without a camera."""
    folder = root / "VeRi" / "image_train"
    (folder / "0002_c001_0_0.jpg").rename(folder / "0002.jpg")


def no_camera(root: Path) -> None:
    """Forget one line of the table."""
    table = root / "VERI-Wild" / "train_test_split" / "vehicle_info.txt"
    table.write_text("\n".join(line for line in table.read_text().splitlines() if "000008" not in line))


def lacking(root: Path) -> None:
    """Take a query's vehicle out of the gallery's list."""
    listed = root / "VERI-Wild" / "train_test_split" / "test_3000.txt"
    listed.write_text("00002/000007\n00002/000007\n")


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        (
            "veri776",
            without("VeRi/image_train/0002_c001_0_0.jpg"),
            "found 5 train, 2 query and 4 gallery images, expected 6 train, 2 query and 4 gallery images; complete",
        ),
        ("veri776", renamed, r"image_train/0002\.jpg: the name says no vehicle and camera"),
        (
            "veri-wild-small",
            without("VERI-Wild/images/00003/000008.jpg"),
            r"images/00003/000008\.jpg: the image is missing",
        ),
        ("veri-wild-small", no_camera, "00003/000008: found no camera of this image"),
        (
            "veri-wild-small",
            without("VERI-Wild/train_test_split/train_list.txt"),
            r"train_list\.txt: the list is missing",
        ),
        ("veri-wild-small", lacking, "dataset veri-wild-small: the gallery lacks 1 identities of queries, first 3"),
    ],
)
def test_a_copy_that_cannot_be_used_is_reported(
    small: Path, tmp_path: Path, name: str, damage: Callable[[Path], None], message: str
) -> None:
    """Missing images, cameras, lists and identities end in one line, and nothing is written."""
    damage(small)
    settings = dataset_settings(name=name, protocols={"paper": POOLS})
    with pytest.raises(UserError, match=message) as failed:
        fetch(settings, tmp_path / "out", {"PRIVPRUNE_DATA": str(small)}, tmp_path)
    assert "\n" not in str(failed.value)
    assert not (tmp_path / "out").exists()


def test_an_incomplete_copy_may_be_taken_as_found(small: Path) -> None:
    """Its note says what it holds."""
    without("VeRi/image_train/0002_c001_0_0.jpg")(small)
    found = loaded("veri776", small, "as_found")
    assert found.note == "not the complete set: 5 train, 2 query and 4 gallery images"


def test_a_set_without_cameras_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader of identities that returns no cameras ends in one line."""
    without_cameras = replace(DATASETS["photo-reid"], read=DATASETS["digits"].read)
    monkeypatch.setattr("privprune.datasets.entry.DATASETS", {"photo-reid": without_cameras})
    with pytest.raises(UserError, match="dataset photo-reid: found no cameras, allowed one for each record"):
        fetch(dataset_settings(name="photo-reid"), tmp_path / "out", {}, tmp_path)


def test_shapes_are_known_beforehand(patches: Dataset) -> None:
    """Images and identities are those of the catalogue; the official vehicles' identities are fast-reid's."""
    shape = DATASETS["photo-reid"].image_shape
    assert (*shape.image, shape.classes) == (*patches.images.shape[1:], patches.classes)
    vehicle_sets = {name: info.image_shape for name, info in DATASETS.items() if name.startswith("veri")}
    assert {shape.image for shape in vehicle_sets.values()} == {(3, vehicles.SIDE, vehicles.SIDE)}
    assert {name: shape.classes for name, shape in vehicle_sets.items()} == {
        "veri776": 576,
        "veri-wild-small": 30_671,
        "veri-wild-medium": 30_671,
        "veri-wild-large": 30_671,
    }
    assert {name for name, info in DATASETS.items() if info.identities} == {"photo-reid", "orl-reid", *vehicle_sets}


@pytest.mark.parametrize(("cameras", "refused"), [([0, 1, 2, 2, 0, 1], True), ([0, 1, 2, 3, 0, 1], False)])
def test_queries_of_one_camera_are_refused(cameras: list[int], refused: bool) -> None:
    """They cannot show whether an identity is found again by another camera; two cameras can."""
    found = Dataset.of(
        "places",
        torch.arange(6, dtype=torch.uint8)[:, None, None, None].expand(6, 1, 2, 2).contiguous(),
        torch.tensor([0, 0, 1, 2, 1, 2]),
        official_train=2,
        classes=1,
        cameras=torch.tensor(cameras),
        queries=2,
    )
    if not refused:
        _check_identities(found, "dataset places: ")
        return
    with pytest.raises(UserError, match=r"^dataset places: found one camera for every query, allowed at least two$"):
        _check_identities(found, "dataset places: ")
