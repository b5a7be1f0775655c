"""Copies of MNIST, Fashion-MNIST and CIFAR that are already there: used as they are, checked first."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision.datasets
from small_sets import SmallCifar, SmallMnist, idx, python2_pickle

from privprune.datasets.catalogue import DATASETS
from privprune.datasets.dataset import Dataset
from privprune.datasets.prepare import read_dataset
from privprune.datasets.sources import Source
from privprune.errors import UserError


def loaded(name: str, root: Path, accept: Any = "verified") -> Dataset:
    """Load a set from one folder."""
    return read_dataset(DATASETS[name], Source((root,), root, accept))


@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")])
def test_mnist_is_read_as_torchvision_reads_it(tmp_path: Path, small_mnist: SmallMnist, name: str, folder: str) -> None:
    """The verified files give train, then test, as torchvision's own class gives them."""
    raw = small_mnist.write(tmp_path, folder)
    found = loaded(name, tmp_path)
    assert small_mnist.same(found.images, found.labels)
    assert (found.name, found.official_train, found.classes, found.note) == (name, 20, 10, "")
    for packed in raw.iterdir():
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    kind = getattr(torchvision.datasets, folder)
    for part, train in ((slice(0, 20), True), (slice(20, 30), False)):
        assert torch.equal(kind(tmp_path, train=train).data, found.images[part, 0])
        assert torch.equal(kind(tmp_path, train=train).targets, found.labels[part])


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_is_read_from_folder_or_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, name: str, packed: bool
) -> None:
    """Verified batches give train, then test, whether the official archive is unpacked or not."""
    small: SmallCifar = request.getfixturevalue(f"small_{name}")
    small.official(monkeypatch)
    if packed:
        (tmp_path / small.kind.filename).write_bytes(small.archive())
    else:
        small.write(tmp_path)
    found = loaded(name, tmp_path)
    assert small.same(found.images, found.labels)
    assert tuple(found.images.shape[1:]) == (3, 32, 32)
    assert (found.official_train, found.note) == (10 * len(small.kind.train_list), "")


def test_the_first_folder_that_holds_a_copy_is_used(tmp_path: Path, small_mnist: SmallMnist) -> None:
    """The user's folder comes first, the downloads second, and neither is written to."""
    (tmp_path / "users").mkdir()
    small_mnist.write(tmp_path / "downloads")
    source = Source((tmp_path / "users", tmp_path / "downloads"), tmp_path / "users", "verified")
    found = read_dataset(DATASETS["mnist"], source)
    assert small_mnist.same(found.images, found.labels)
    assert list((tmp_path / "users").iterdir()) == []


def test_the_users_archive_comes_before_an_unpacked_download(
    tmp_path: Path, small_cifar10: SmallCifar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What counts is the folder, not whether the copy in it is packed."""
    small_cifar10.write(tmp_path / "downloads")  # no official files
    small_cifar10.labels = (small_cifar10.labels + 1) % 10
    small_cifar10.pack()
    small_cifar10.official(monkeypatch)
    (tmp_path / "users").mkdir()
    (tmp_path / "users" / "cifar-10-python.tar.gz").write_bytes(small_cifar10.archive())
    source = Source((tmp_path / "users", tmp_path / "downloads"), tmp_path / "users", "verified")
    found = read_dataset(DATASETS["cifar10"], source)
    assert small_cifar10.same(found.images, found.labels)


def test_another_checksum_is_refused_in_one_line(tmp_path: Path, small_mnist: SmallMnist) -> None:
    """The line names the file, both checksums and the way out."""
    path = small_mnist.write(tmp_path) / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.zeros(10, np.uint8)), mtime=0))
    with pytest.raises(UserError) as refused:
        loaded("mnist", tmp_path)
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{path}: found md5 ")
    assert dict(torchvision.datasets.MNIST.resources)[path.name] in line
    assert "accept: as_found" in line


def test_no_pickle_is_opened_before_its_checksum(
    tmp_path: Path, small_cifar10: SmallCifar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When one of the files has another checksum, none of them is interpreted."""
    small_cifar10.official(monkeypatch)
    folder = small_cifar10.write(tmp_path)
    (folder / "test_batch").write_bytes(pickle.dumps({}))
    monkeypatch.setattr("privprune.datasets.families.torchvision_sets.load_plain", lambda *_: pytest.fail("opened"))
    with pytest.raises(UserError, match="test_batch: found md5"):
        loaded("cifar10", tmp_path)


def test_a_copy_accepted_as_found_is_noted(tmp_path: Path, small_mnist: SmallMnist) -> None:
    """`as_found` reads the same format, and the note counts the files that are not the official ones."""
    path = small_mnist.write(tmp_path) / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.full(10, 3, np.uint8)), mtime=0))
    found = loaded("mnist", tmp_path, "as_found")
    assert found.labels[20:].tolist() == [3] * 10
    assert found.note == "mnist accepted as found (1 of 4 files are not the official ones)"


def test_a_verified_copy_accepted_as_found_has_no_note(tmp_path: Path, small_mnist: SmallMnist) -> None:
    """There is nothing to say about official files, whatever would have been accepted."""
    small_mnist.write(tmp_path)
    assert loaded("mnist", tmp_path, "as_found").note == ""


def test_unpacked_files_alone_have_no_checksum(tmp_path: Path, small_mnist: SmallMnist) -> None:
    """Where only the unpacked file lies there, it is refused, and accepted as found."""
    path = small_mnist.write(tmp_path) / "t10k-images-idx3-ubyte.gz"
    path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
    path.unlink()
    with pytest.raises(UserError, match=r"t10k-images-idx3-ubyte\.gz: the file is missing, and .*`accept: as_found`"):
        loaded("mnist", tmp_path)
    found = loaded("mnist", tmp_path, "as_found")
    assert small_mnist.same(found.images, found.labels)
    assert "1 of 4 files" in found.note


def test_inexact_records_are_dropped_and_noted(tmp_path: Path, small_cifar10: SmallCifar) -> None:
    """Of a copy with inexact.txt the listed records are gone, counted through train and then test, and noted."""
    folder = small_cifar10.write(tmp_path)
    (folder / "inexact.txt").write_text("0\n49\n50\n59\n7\n")
    found = loaded("cifar10", tmp_path, "as_found")
    kept = [position for position in range(60) if position not in (0, 7, 49, 50, 59)]
    assert (found.images.numpy().reshape(-1, 3072) == small_cifar10.images[kept]).all()
    assert (found.labels.numpy() == small_cifar10.labels[kept]).all()
    assert found.official_train == 47
    assert found.note == "cifar10 accepted as found (6 of 6 files are not the official ones), 5 inexact records dropped"


def test_placeholders_for_file_names_are_noted(tmp_path: Path, small_cifar10: SmallCifar) -> None:
    """Train file names that are `train_` and a number are mentioned in the note; real ones are not."""
    for folder, pattern in (("a", b"train_%05d.png"), ("b", b"leptodactylus_s_%06d.png")):
        small_cifar10.pack({b"filenames": [pattern % number for number in range(10)]})
        small_cifar10.write(tmp_path / folder)
        note = loaded("cifar10", tmp_path / folder, "as_found").note
        assert note.endswith(", train file names are placeholders") == (folder == "a")


def test_inexact_records_of_a_verified_copy_do_not_exist(
    tmp_path: Path, small_cifar10: SmallCifar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Official files are exact, whatever inexact.txt says."""
    small_cifar10.official(monkeypatch)
    (small_cifar10.write(tmp_path) / "inexact.txt").write_text("0\n")
    found = loaded("cifar10", tmp_path, "as_found")
    assert (len(found.labels), found.note) == (60, "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *(("one", "one record number a line"), ("60", "allowed 0 to 59"), ("-1", "allowed 0 to 59"), ("", None)),
        (" ".join(map(str, range(60))), "found every training record, allowed a list that leaves some"),
        (" ".join(map(str, range(50))), "found every training record, allowed a list that leaves some"),
        (" ".join(map(str, range(50, 60))), "found every test record, allowed a list that leaves some"),
        ("9" * 5000, "one record number a line"),
    ],
)
def test_a_wrong_list_of_inexact_records_is_reported(
    tmp_path: Path, small_cifar10: SmallCifar, text: str, message: str | None
) -> None:
    """Words and numbers of no record end with what is allowed; an empty list drops nothing."""
    (small_cifar10.write(tmp_path) / "inexact.txt").write_text(text)
    if message is None:
        assert len(loaded("cifar10", tmp_path, "as_found").labels) == 60
    else:
        with pytest.raises(UserError, match=rf"inexact\.txt: .*{message}"):
            loaded("cifar10", tmp_path, "as_found")


@pytest.mark.parametrize(("name", "file"), [("mnist", "train-labels-idx1-ubyte.gz"), ("cifar10", "data_batch_3")])
@pytest.mark.parametrize("accept", ["verified", "as_found"])
def test_an_incomplete_copy_is_reported(
    tmp_path: Path,
    small_mnist: SmallMnist,
    small_cifar10: SmallCifar,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    file: str,
    accept: str,
) -> None:
    """A copy that lacks a file is never completed behind the user's back."""
    small_cifar10.official(monkeypatch)
    folder = {"mnist": small_mnist, "cifar10": small_cifar10}[name].write(tmp_path)
    (folder / file).unlink()
    with pytest.raises(UserError, match=f"{file}: the file is missing in this copy; complete the copy, or remove"):
        loaded(name, tmp_path, accept)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip",
        gzip.compress(idx(np.zeros((20, 28, 28), np.uint8)))[:-20],
        gzip.compress(b""),
        gzip.compress(b"\0\0\x08"),
        gzip.compress(idx(np.zeros((20, 28, 28), np.uint8))[:-1]),
        gzip.compress(b"\0\0\x0d\x01" + bytes(8)),
        gzip.compress(idx(np.zeros((20, 28, 27), np.uint8))),
        gzip.compress(idx(np.zeros((19, 28, 28), np.uint8))),
        gzip.compress(idx(np.zeros(20, np.uint8))),
    ],
    ids=["empty", "no gzip", "cut gzip", "nothing", "cut head", "cut data", "floats", "27 wide", "one short", "labels"],
)
def test_damaged_mnist_accepted_as_found_is_reported(tmp_path: Path, small_mnist: SmallMnist, content: bytes) -> None:
    """Whatever stands in a file of images accepted as found, the end is one line and no traceback."""
    (small_mnist.write(tmp_path) / "train-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(UserError, match=r"MNIST/raw[^\n]*$"):
        loaded("mnist", tmp_path, "as_found")


IMAGES = np.zeros((2, 3072), np.uint8)


def modern_pickle(labels: Any) -> bytes:
    """Return a batch with labels that the writer of Python 2's pickles does not write."""
    return pickle.dumps({b"data": IMAGES, b"labels": labels}, 2)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        python2_pickle({}),
        pickle.dumps([1, 2], 2),
        python2_pickle({b"data": IMAGES, b"labels": [1]}),
        python2_pickle({b"data": IMAGES, b"labels": [1, 10]}),
        python2_pickle({b"data": IMAGES, b"labels": [1, -1]}),
        python2_pickle({b"data": IMAGES, b"labels": [b"a", b"b"]}),
        modern_pickle([1.5, 2.5]),
        modern_pickle([1.0, 2.0]),
        modern_pickle([True, False]),
        python2_pickle({b"data": IMAGES, b"labels": [b"1", b"2"]}),
        modern_pickle([1, 2**70]),
        python2_pickle({b"data": IMAGES, b"labels": [[1], [2]]}),
        python2_pickle({b"data": IMAGES, b"labels": 1}),
        python2_pickle({b"data": IMAGES[:0], b"labels": []}),
        python2_pickle({b"data": IMAGES[:, 1:], b"labels": [1, 2]}),
        python2_pickle({b"data": b"bytes", b"labels": [1, 2]}),
        python2_pickle({b"data": IMAGES, b"labels": [1, 2], b"filenames": [1]}),
        python2_pickle({b"data": IMAGES, b"fine_labels": [1, 2]}),
    ],
)
def test_damaged_cifar_accepted_as_found_is_reported(tmp_path: Path, small_cifar10: SmallCifar, content: bytes) -> None:
    """Whatever stands in a batch accepted as found, the end is one line that names it."""
    (small_cifar10.write(tmp_path) / "data_batch_2").write_bytes(content)
    with pytest.raises(UserError, match=r"data_batch_2: [^\n]*$"):
        loaded("cifar10", tmp_path, "as_found")


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_a_damaged_archive_is_reported(tmp_path: Path, small_cifar10: SmallCifar, content: bytes | None) -> None:
    """An archive that is empty, cut, or holds other files ends with its name."""
    whole = small_cifar10.archive()
    small_cifar10.files.pop("test_batch")
    for wrong in (content,) if content is not None else (whole[: len(whole) // 2], small_cifar10.archive()):
        (tmp_path / "cifar-10-python.tar.gz").write_bytes(wrong)
        with pytest.raises(UserError, match=r"cifar-10-python\.tar\.gz: .*replace or remove it"):
            loaded("cifar10", tmp_path)
