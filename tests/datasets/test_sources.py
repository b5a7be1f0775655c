"""What is said about where data are looked for is what their loaders do."""

from __future__ import annotations

from pathlib import Path

import pytest

from privprune.datasets import DATASETS, IMAGE_SHAPES
from privprune.datasets.source import Source
from privprune.datasets.sources import WHEREABOUTS, Places, data_state, weights_state
from privprune.errors import UserError

ENTRIES = [(name, entry) for name, about in WHEREABOUTS.items() for entry in about.entries]


def test_every_set_has_its_whereabouts() -> None:
    """The same names, and images as the networks take them."""
    assert WHEREABOUTS.keys() == DATASETS.keys()
    shapes = {name: (shape.channels, shape.size) for name, shape in IMAGE_SHAPES.items()}
    assert {name: about.image for name, about in WHEREABOUTS.items()} == shapes


@pytest.mark.parametrize("name", [name for name, about in WHEREABOUTS.items() if about.had == "embedded"])
def test_embedded_sets_need_nothing(tmp_path: Path, name: str) -> None:
    """They are read from an empty folder, and have as many training records as is said."""
    found = DATASETS[name](Source((tmp_path,), tmp_path, "verified"))
    assert found.official_train == WHEREABOUTS[name].records
    assert data_state(name, Places(None, tmp_path)) == (True, f"comes with {WHEREABOUTS[name].origin}")


@pytest.mark.parametrize(("name", "entry"), ENTRIES)
def test_a_set_is_looked_for_where_it_is_said(tmp_path: Path, name: str, entry: str) -> None:
    """With the entry there, the loader complains of its content, and not of a missing set."""
    place = tmp_path / entry
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"junk") if place.suffix in (".gz", ".zip") else place.mkdir()
    with pytest.raises(UserError) as told:
        DATASETS[name](Source((tmp_path,), tmp_path, "as_found"))
    assert " is missing: " not in str(told.value)
    assert " is missing and " not in str(told.value)
    assert data_state(name, Places(None, tmp_path)) == (True, f"found, {place}; verified when it is fetched")


@pytest.mark.parametrize("name", [name for name, about in WHEREABOUTS.items() if about.had != "embedded"])
def test_a_set_that_is_not_there_is_told(tmp_path: Path, name: str) -> None:
    """The loader misses it where the plan says so, and both say what to put where and where it comes from."""
    with pytest.raises(UserError, match=f"^({name}|orl-faces) is missing") as told:
        DATASETS[name](Source((tmp_path,), tmp_path, "verified"))
    about = WHEREABOUTS[name]
    there, line = data_state(name, Places(tmp_path, tmp_path / "downloads"))
    assert there == (about.had == "downloaded")
    assert about.layout in line
    assert about.origin in line
    assert str(tmp_path) in line
    assert about.had == "downloaded" or about.origin in str(told.value)


def test_weights_lie_in_the_users_folder_alone(tmp_path: Path) -> None:
    """Neither in the project's own nor anywhere where the variable is not set."""
    (tmp_path / "checkpoints").mkdir()
    assert not weights_state("net.pth", Places(tmp_path, tmp_path))[0]
    (tmp_path / "checkpoints" / "net.pth").touch()
    assert weights_state("net.pth", Places.of({"PRIVPRUNE_DATA": str(tmp_path)}, tmp_path))[0]
    assert not weights_state("net.pth", Places.of({}, tmp_path))[0]
