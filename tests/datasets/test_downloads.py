"""Downloads, from a server on this machine: they arrive whole or leave nothing, and say why."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torchvision.datasets
from small_pictures import SmallTinyImagenet
from small_sets import SmallCifar, SmallMnist, dataset_settings, files_below

from privprune.datasets.catalogue import DATASETS
from privprune.datasets.families import tiny_imagenet
from privprune.datasets.prepare import fetch, load_dataset, read_dataset
from privprune.datasets.sources import Source
from privprune.errors import UserError

Serve = Callable[[dict[str, bytes], str], str]


@pytest.fixture
def offered(
    small_mnist: SmallMnist, small_cifar10: SmallCifar, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], dict[str, Any]]:
    """Return a function that offers the small sets in a manner, and gives them by name."""
    small_cifar10.official(monkeypatch)
    tiny = SmallTinyImagenet()
    tiny.official(monkeypatch)

    def offer(manner: str) -> dict[str, Any]:
        archives = {"cifar-10-python.tar.gz": small_cifar10.archive(), "tiny-imagenet-200.zip": tiny.archive()}
        address = serve(small_mnist.files | archives, manner)
        monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [address])
        monkeypatch.setattr(torchvision.datasets.CIFAR10, "url", address + "cifar-10-python.tar.gz")
        monkeypatch.setattr(tiny_imagenet, "URL", address + "tiny-imagenet-200.zip")
        return {"mnist": small_mnist, "cifar10": small_cifar10, "tiny-imagenet": tiny}

    return offer


@pytest.mark.parametrize("name", ["mnist", "cifar10", "tiny-imagenet"])
def test_a_download_gives_the_set_and_is_used_again(
    tmp_path: Path, offered: Callable[[str], dict[str, Any]], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """What arrived is read, lies in torchvision's layout, and the second time nothing is asked of the server."""
    small = offered("whole")[name]
    source = Source((tmp_path,), tmp_path, "verified")
    found = read_dataset(DATASETS[name], source)
    assert small.same(found.images, found.labels)
    assert {"MNIST/raw/train-labels-idx1-ubyte.gz", "cifar-10-python.tar.gz", "tiny-imagenet-200.zip"} & set(
        files_below(tmp_path)
    )
    assert not [path for path in files_below(tmp_path) if path.startswith(".")]
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("connected"))
    assert read_dataset(DATASETS[name], source).fingerprint == found.fingerprint


def failing(tmp_path: Path, name: str, downloads: Path | None = None) -> str:
    """Fetch from what fails, and return the line; nothing may be left behind."""
    target = downloads or tmp_path / "downloads"
    with pytest.raises(UserError) as failed:
        fetch(dataset_settings(name=name), tmp_path / "datasets" / name, {}, target)
    (line,) = str(failed.value).splitlines()
    assert line.startswith(f"{name} is missing and could not be downloaded: ")
    assert "or into the folder named by PRIVPRUNE_DATA" in line
    return line


@pytest.mark.parametrize("manner", ["truncated", "interrupted"])
@pytest.mark.parametrize("name", ["mnist", "cifar10", "tiny-imagenet"])
def test_a_broken_transfer_leaves_nothing(
    tmp_path: Path, offered: Callable[[str], dict[str, Any]], name: str, manner: str
) -> None:
    """A transfer cut short by either side ends in one line, and no byte of it stays."""
    offered(manner)
    line = failing(tmp_path, name)
    assert ("corrupted" if manner == "truncated" else "reset") in line
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("name", ["mnist", "cifar10", "tiny-imagenet"])
def test_a_server_that_falls_silent_is_given_up(
    tmp_path: Path, offered: Callable[[str], dict[str, Any]], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A server that accepts the connection and says nothing ends the fetch after the time allowed."""
    monkeypatch.setattr("privprune.datasets.download.STALLED", 0.1)
    offered("silent")
    assert "timed out" in failing(tmp_path, name)
    assert files_below(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "terms", "place"),
    [
        ("mnist", "Creative Commons BY-SA 3.0", "MNIST/raw"),
        ("fashion-mnist", "MIT licence", "FashionMNIST/raw"),
        ("cifar10", "Krizhevsky", "cifar-10-python.tar.gz"),
        ("cifar100", "Krizhevsky", "cifar-100-python.tar.gz"),
        ("tiny-imagenet", "a part of ImageNet, for non-commercial research", "tiny-imagenet-200.zip"),
    ],
)
def test_without_a_network_the_line_says_what_to_do(tmp_path: Path, name: str, terms: str, place: str) -> None:
    """The line names the set, its source, its terms and where to put it."""
    line = failing(tmp_path, name)
    assert "refused" in line
    assert "it comes from http://127.0.0.1:" in line
    assert terms in line
    assert f"put it as {place} into {tmp_path / 'downloads'}, or" in line
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("name", ["mnist", "cifar10", "tiny-imagenet"])
def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, serve: Serve) -> None:
    """When the disk is full in the middle of a file, the line says so and the part is removed."""

    def full(_url: str, file: str, *_: object) -> None:
        Path(file).write_bytes(b"the part that fitted")
        raise OSError(errno.ENOSPC, "No space left on device")

    address = serve(
        dict.fromkeys(("cifar-10-python.tar.gz", "tiny-imagenet-200.zip", "train-images-idx3-ubyte.gz"), b""), "whole"
    )
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [address])
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "url", address + "cifar-10-python.tar.gz")
    monkeypatch.setattr(tiny_imagenet, "URL", address + "tiny-imagenet-200.zip")
    monkeypatch.setattr(torchvision.datasets.utils, "_urlretrieve", full)
    assert "No space left on device" in failing(tmp_path, name)
    assert files_below(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    """Where no folder for downloads can be made, the line names it."""
    (tmp_path / "file").write_text("in the way")
    assert f"{tmp_path / 'file'}" in failing(tmp_path, "mnist", tmp_path / "file" / "downloads")


def test_an_interruption_by_the_user_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offered: Callable[[str], dict[str, Any]]
) -> None:
    """Control-C in the middle of a file goes through, and the part is removed."""

    def stop(_url: str, file: str, *_: object) -> None:
        Path(file).write_bytes(b"a part")
        raise KeyboardInterrupt

    offered("whole")
    monkeypatch.setattr(torchvision.datasets.utils, "_urlretrieve", stop)
    with pytest.raises(KeyboardInterrupt):
        fetch(dataset_settings(name="mnist"), tmp_path / "datasets" / "mnist", {}, tmp_path / "downloads")
    assert files_below(tmp_path) == []
    assert socket.getdefaulttimeout() is None


def test_a_download_goes_to_the_users_folder_where_there_is_one(
    tmp_path: Path, offered: Callable[[str], dict[str, Any]]
) -> None:
    """With PRIVPRUNE_DATA set the download lies there, for other projects to use."""
    small = offered("whole")["mnist"]
    (tmp_path / "mine").mkdir()
    folder, downloads = tmp_path / "datasets" / "mnist", tmp_path / "downloads"
    settings = dataset_settings(name="mnist")
    fetch(settings, folder, {"PRIVPRUNE_DATA": str(tmp_path / "mine")}, downloads)
    found = load_dataset(folder)
    assert small.same(found.images, found.labels)
    assert (tmp_path / "mine" / "MNIST" / "raw").is_dir()
    assert not downloads.exists()
