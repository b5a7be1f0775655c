"""Where files are said to be looked for is where the readers look."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from privprune.datasets.catalogue import DATASETS, data_state
from privprune.datasets.prepare import read_dataset
from privprune.datasets.raw import RawDataset
from privprune.datasets.sources import DataFolders, Source, weights_file, weights_state
from privprune.errors import UserError

BUNDLED = [name for name, info in DATASETS.items() if info.source.availability == "bundled"]
OTHERS = [name for name in DATASETS if name not in BUNDLED]
PATHS = [(name, path) for name, info in DATASETS.items() for path in info.source.paths]


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_sets_need_no_files(tmp_path: Path, name: str) -> None:
    """They are read from an empty folder, and have as many training records as the catalogue says."""
    info = DATASETS[name]
    assert read_dataset(DATASETS[name], Source((tmp_path,), tmp_path, "verified")).official_train == info.train_records
    assert data_state(name, DataFolders(None, tmp_path)) == (True, f"comes with {info.source.provider}")


@pytest.mark.parametrize(("name", "path"), PATHS)
def test_a_set_is_looked_for_at_its_paths(tmp_path: Path, name: str, path: str) -> None:
    """With one of the paths there, the reader reports its content, and not a missing set."""
    copy = tmp_path / path
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(b"junk") if copy.suffix in (".gz", ".zip") else copy.mkdir()
    with pytest.raises(UserError) as failed:
        read_dataset(DATASETS[name], Source((tmp_path,), tmp_path, "as_found"))
    assert " is missing: " not in str(failed.value)
    assert " is missing and " not in str(failed.value)
    assert data_state(name, DataFolders(None, tmp_path)) == (True, f"found, {copy}; verified when it is fetched")


@pytest.mark.parametrize("name", OTHERS)
def test_a_set_that_is_not_there_is_reported(tmp_path: Path, name: str) -> None:
    """The reader misses it where the dry run says so; both lines say who provides it, and what to put where."""
    with pytest.raises(UserError, match=f"^({name}|orl-faces) is missing") as failed:
        read_dataset(DATASETS[name], Source((tmp_path,), tmp_path, "verified"))
    source = DATASETS[name].source
    can_be_fetched, line = data_state(name, DataFolders(tmp_path, tmp_path / "downloads"))
    assert can_be_fetched == (source.availability == "downloaded")
    assert all(text in line for text in (source.layout, source.provider, str(tmp_path)))
    assert source.availability == "downloaded" or source.provider in str(failed.value)


def test_a_set_beyond_the_catalogue_is_left_to_its_stage(tmp_path: Path) -> None:
    """The dry run of a suite with a mistake in a name does not fail."""
    assert data_state("svhn", DataFolders(None, tmp_path)) == (False, "unknown, its stage will tell")


@pytest.mark.parametrize("folder", ["weights", "checkpoints"])
def test_weights_lie_in_the_users_folder_only(tmp_path: Path, folder: str) -> None:
    """Below `weights/`, or `checkpoints/` as it was called, and only where the variable names the user's folder."""
    (tmp_path / folder).mkdir()
    missing, line = weights_state("net.pth", DataFolders(tmp_path, tmp_path))
    assert not missing
    assert line.startswith(f"MISSING: put it into weights/ of the folder named by PRIVPRUNE_DATA, {tmp_path}; it comes")
    (tmp_path / folder / "net.pth").touch()
    environment = {"PRIVPRUNE_DATA": str(tmp_path)}
    expected = (True, f"found, {tmp_path / folder / 'net.pth'}")
    assert weights_state("net.pth", DataFolders.of(environment, tmp_path)) == expected
    assert not weights_state("net.pth", DataFolders.of({}, tmp_path))[0]


def test_the_new_folder_of_weights_comes_first(tmp_path: Path) -> None:
    """A file in both folders is taken from `weights/`, and one in neither is expected there."""
    new = tmp_path / "weights" / "net.pth"
    assert weights_file(tmp_path, "net.pth") == new
    for path in (new, tmp_path / "checkpoints" / "net.pth"):
        path.parent.mkdir()
        path.touch()
    assert weights_file(tmp_path, "net.pth") == new


FAILURES = (PermissionError(errno.EACCES, "x"), OSError(errno.EIO, "x"), NotADirectoryError(errno.ENOTDIR, "x"))


@pytest.mark.parametrize("failure", FAILURES, ids=lambda one: errno.errorcode[one.errno])
def test_what_the_disk_refuses_is_said_in_one_line(tmp_path: Path, failure: OSError) -> None:
    """A file or a folder of a set that cannot be read, whatever the system says of it, is named."""
    assert failure.errno is not None
    words = os.strerror(failure.errno)

    def refuse(_: Source) -> RawDataset:
        raise type(failure)(failure.errno, words, "data/some file")

    with pytest.raises(UserError, match=f"^data/some file: could not be read, {words}$"):
        read_dataset(replace(DATASETS["digits"], read=refuse), Source((tmp_path,), tmp_path, "as_found"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", ["mnist", "cifar10", "imagenet", "orl-faces", "veri776"])
def test_a_folder_without_the_right_to_read_is_said_in_one_line(tmp_path: Path, name: str) -> None:
    """The system's own refusal, where the tests are not root's."""
    folder = tmp_path / DATASETS[name].source.paths[0]
    folder.mkdir(parents=True)
    folder.chmod(0)
    with pytest.raises(UserError, match=re.escape(str(folder))):
        read_dataset(DATASETS[name], Source((tmp_path,), tmp_path, "as_found"))
    folder.chmod(0o755)
