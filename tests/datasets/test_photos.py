"""The tiles of scikit-image's photographs: balanced, held-out tiles apart from the others, one region in full."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_sets import dataset_settings

from privprune.datasets.catalogue import DATASETS
from privprune.datasets.dataset import Dataset
from privprune.datasets.families import photos as photographs
from privprune.datasets.prepare import fetch, load_dataset, read_dataset
from privprune.datasets.sources import Source
from privprune.errors import UserError

KNOWN, TILE = photographs.PHOTOGRAPHS, photographs.TILE
VERIFIED = Source((), Path("none"), "verified")


@pytest.fixture(scope="module")
def found() -> Dataset:
    """Return the set."""
    return read_dataset(DATASETS["photos"], VERIFIED)


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """Return the photographs as used, uint8 [3, H, W] each."""
    return [photographs.read_photograph(photograph, VERIFIED)[0] for photograph in KNOWN]


def covered(picture: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return which pixels [H, W] some of the tiles at these places cover; a tile outside fails."""
    mask = np.zeros(picture.shape[1:], dtype=bool)
    for top, left in places:
        assert mask[top : top + TILE, left : left + TILE].shape == (TILE, TILE)
        mask[top : top + TILE, left : left + TILE] = True
    return mask


@pytest.mark.parametrize("label", range(len(KNOWN)), ids=lambda label: KNOWN[label].file)
def test_train_and_test_tiles_share_no_pixel(label: int, pictures: list[np.ndarray]) -> None:
    """No pixel of a photograph is in a training tile and in a test tile, and no tile is there twice."""
    train = photographs.train_corners(KNOWN[label], pictures[label])
    test = photographs.test_corners(KNOWN[label])
    assert not (covered(pictures[label], train) & covered(pictures[label], test)).any()
    assert (len({*map(tuple, train)}), len({*map(tuple, test)})) == (500, 150)


def test_records_are_the_tiles_at_their_places(found: Dataset, pictures: list[np.ndarray]) -> None:
    """The records of a class are exactly the tiles at its places: 500 of train, 150 of test."""
    for label, (photograph, picture) in enumerate(zip(KNOWN, pictures, strict=True)):
        places = photographs.train_corners(photograph, picture), photographs.test_corners(photograph)
        for part, corners in zip((slice(None, 4000), slice(4000, None)), places, strict=True):
            tiles = found.images[part][found.labels[part] == label].numpy()
            expected = [picture[:, top : top + TILE, left : left + TILE].tobytes() for top, left in corners]
            assert sorted(tile.tobytes() for tile in tiles) == sorted(expected)


def test_the_mosaic_rebuilds_the_held_out_square(found: Dataset) -> None:
    """The tiles of the mosaic, side by side, are the astronaut's head as Pillow reads it, and test records all."""
    rebuilt = torch.cat([torch.cat([found.images[record] for record in row], dim=2) for row in found.mosaic], dim=1)
    whole = np.asarray(Image.open(photographs.data_folder() / "astronaut.png").convert("RGB"))
    assert np.array_equal(rebuilt.permute(1, 2, 0).numpy(), whole[0:192, 128:320])
    numbers = {record for row in found.mosaic for record in row}
    assert len(numbers) == 36
    assert min(numbers) >= found.official_train
    assert {found.labels[record].item() for record in numbers} == {0}


@pytest.mark.parametrize("step", [1, 2, 4, 5, 6, 8, 10, 16, 20])
def test_every_k_th_record_holds_the_classes_evenly(found: Dataset, step: int) -> None:
    """Records that are evenly spaced, as a limit or a panel takes them, are balanced; so is the end of the test set."""
    for part in (found.labels[:4000:step], found.labels[4000::step], found.labels[-120:]):
        counts = torch.bincount(part, minlength=8).float()
        assert (counts.max() - counts.min()).item() <= 0.2 * counts.mean().item() + 1


def test_shrinking_is_the_mean_rounded(pictures: list[np.ndarray]) -> None:
    """The Hubble field and the retina are means of 2x2 pixels, the retina without its dark border."""
    for label, border in ((3, 0), (6, 224)):
        whole = np.asarray(Image.open(photographs.data_folder() / KNOWN[label].file).convert("RGB")).astype(float)
        whole = whole[border : len(whole) - border, border : whole.shape[1] - border]
        height, width = (2 * (size // 2) for size in whole.shape[:2])
        means = sum(whole[row:height:2, column:width:2] for row in (0, 1) for column in (0, 1)) / 4
        assert np.array_equal(pictures[label], np.floor(means + 0.5).astype(np.uint8).transpose(2, 0, 1))
    corners = pictures[6][:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners[0].min() > 50  # red everywhere: within the lens


def test_the_pixels_are_the_known_ones(found: Dataset) -> None:
    """With Pillow's own JPEG decoder the fingerprint is the one that published records name."""
    assert found.fingerprint == "302ca939557de6031692351abc32762f6aff208f4495040e988d06e32157e0cd"


def test_the_mosaic_is_kept_by_files_and_limits(tmp_path: Path, found: Dataset) -> None:
    """A stored, moved or limited set has the mosaic of the same pictures."""
    settings = dataset_settings(name="photos", limit=801)
    fetch(settings, tmp_path / "photos", {}, tmp_path / "downloads")
    limited = load_dataset(tmp_path / "photos")
    assert limited.official_train == 801
    assert limited.to("cpu").mosaic == limited.mosaic
    assert limited.mosaic != found.mosaic
    places = [torch.tensor(each.mosaic) for each in (limited, found)]
    assert torch.equal(limited.images[places[0]], found.images[places[1]])


@pytest.mark.parametrize("mosaic", [((0, 4000),), ((4000, 5200),), ((4000, 4001), (4002,))])
def test_a_mosaic_of_other_than_test_records_is_refused(found: Dataset, mosaic: tuple[tuple[int, ...], ...]) -> None:
    """Training records, records that are not there, and rows of two lengths are no mosaic."""
    with pytest.raises(ValueError, match="mosaic"):
        Dataset.of("photos", found.images, found.labels, official_train=4000, classes=8, mosaic=mosaic)


def test_a_photograph_that_is_missing_or_changed_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line names the file, and how to get it back; another picture is taken `as_found` only, and noted."""
    for photograph in KNOWN[:-1]:
        (tmp_path / photograph.file).symlink_to(photographs.data_folder() / photograph.file)
    monkeypatch.setattr(photographs, "data_folder", lambda: tmp_path)
    with pytest.raises(UserError, match=r"photos: .*rocket\.jpg is missing; it comes inside scikit-image.*uv sync"):
        read_dataset(DATASETS["photos"], VERIFIED)
    Image.new("RGB", (640, 427)).save(tmp_path / "rocket.jpg")
    with pytest.raises(UserError, match=r"rocket\.jpg: found md5 .*, expected 511130d2"):
        read_dataset(DATASETS["photos"], VERIFIED)
    taken = read_dataset(DATASETS["photos"], Source((), tmp_path, "as_found"))
    assert taken.note == "1 of 8 photographs are not the known ones"
    Image.new("RGB", (300, 300)).save(tmp_path / "rocket.jpg")
    with pytest.raises(UserError, match=r"rocket\.jpg: found 300x300 pixels, allowed 640x427"):
        read_dataset(DATASETS["photos"], Source((), tmp_path, "as_found"))
