"""Small copies of the public sets in their official formats, and a server that misbehaves on request."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import socket
import struct
import tarfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torchvision.datasets
from torch import Tensor

from privprune.datasets.entry import DatasetSettings
from privprune.datasets.entry_kinds import DATASET_ENTRY
from privprune.settings import read

POOLS = {
    "seed": 0,
    "members": None,
    "reference": 2,
    "selection": {"members": 1, "nonmembers": 2},
    "known": {"members": 3, "nonmembers": 2},
    "evaluation": {"members": None, "nonmembers": None},
}


def dataset_settings(**changed: Any) -> DatasetSettings:
    """Return settings of an entry that fits the small copies, with some keys changed."""
    complete = {
        "name": "digits",
        "accept": "verified",
        "expected": None,
        "limit": None,
        "targets": 2,
        "shadows": 4,
        "protocols": {"paper": POOLS, "clean": POOLS},
    }
    return read(DATASET_ENTRY, complete | changed, "params.yaml: datasets.digits")


def md5(content: bytes) -> str:
    """Return the checksum that the official lists give."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def files_below(folder: Path) -> list[str]:
    """Everything below a folder but folders, with hidden files."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def nowhere() -> str:
    """Return an address on this machine where nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}/"


# ---------------------------------------------------------------------------------------------------------------- MNIST


def idx(array: np.ndarray) -> bytes:
    """Return the IDX format of an array of unsigned bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


class SmallMnist:
    """Twenty training and ten test images as MNIST's four files, and torchvision's list of checksums made to fit."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        draw = np.random.default_rng(0)
        self.images = draw.integers(0, 256, (30, 28, 28), dtype=np.uint8)
        self.labels = draw.permuted(np.tile(np.arange(10, dtype=np.uint8), (3, 1)), axis=1).ravel()  # train has all
        contents = [idx(self.images[:20]), idx(self.labels[:20]), idx(self.images[20:]), idx(self.labels[20:])]
        names = [name for name, _ in torchvision.datasets.MNIST.resources]
        self.files = {name: gzip.compress(content, mtime=0) for name, content in zip(names, contents, strict=True)}
        for kind in (torchvision.datasets.MNIST, torchvision.datasets.FashionMNIST):
            checksums = [(name, md5(content)) for name, content in self.files.items()]
            monkeypatch.setattr(kind, "resources", checksums)

    def write(self, root: Path, folder: str = "MNIST") -> Path:
        """Write the packed files in torchvision's layout."""
        raw = root / folder / "raw"
        raw.mkdir(parents=True)
        for name, content in self.files.items():
            (raw / name).write_bytes(content)
        return raw

    def same(self, images: Tensor, labels: Tensor) -> bool:
        """Whether these are all the records, in order."""
        return bool((images.numpy()[:, 0] == self.images).all() and (labels.numpy() == self.labels).all())


# ---------------------------------------------------------------------------------------------------------------- CIFAR


def python2_pickle(found: dict[bytes, Any]) -> bytes:
    """Pickle a dictionary as Python 2 and NumPy 1 did, opcode by opcode: the form of CIFAR's files."""

    def text(value: bytes) -> bytes:
        return b"T" + struct.pack("<i", len(value)) + value

    def number(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    def array(value: np.ndarray) -> bytes:
        made = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + number(0) + b"\x85" + text(b"b") + b"\x87R"
        dtype = b"cnumpy\ndtype\n" + text(b"u1") + number(0) + number(1) + b"\x87R"
        dtype += b"(" + number(3) + text(b"|") + b"NNN" + number(-1) + number(-1) + number(0) + b"tb"
        shape = b"(" + b"".join(number(size) for size in value.shape) + b"t"
        return made + b"(" + number(1) + shape + dtype + b"\x89" + text(value.tobytes()) + b"tb"

    def item(value: Any) -> bytes:
        if isinstance(value, np.ndarray):
            return array(value)
        if isinstance(value, list):
            return b"](" + b"".join(item(part) for part in value) + b"e"
        return text(value) if isinstance(value, bytes) else number(value)

    return b"\x80\x02}(" + b"".join(text(key) + item(value) for key, value in found.items()) + b"u."


class SmallCifar:
    """Ten images a batch in CIFAR's files; torchvision's checksums are made to fit by `official`."""

    def __init__(self, kind: Any, label_key: bytes, classes: int) -> None:
        draw = np.random.default_rng(1)
        self.kind = kind
        self.names = [name for name, _ in kind.train_list + kind.test_list]
        records = 10 * len(self.names)
        self.images = draw.integers(0, 256, (records, 3072), dtype=np.uint8)
        self.labels = draw.integers(0, classes, records)
        self.label_key = label_key
        self.pack()

    def pack(self, more: dict[bytes, Any] | None = None) -> None:
        """Make the batches from images, labels and more entries."""
        self.files = {}
        for position, name in enumerate(self.names):
            part = slice(10 * position, 10 * position + 10)
            labels = [int(label) for label in self.labels[part]]
            self.files[name] = python2_pickle({b"data": self.images[part], self.label_key: labels} | (more or {}))

    def official(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let torchvision know the small files as the official ones."""
        train = len(self.kind.train_list)
        checksums = [[name, md5(self.files[name])] for name in self.names]
        monkeypatch.setattr(self.kind, "train_list", checksums[:train])
        monkeypatch.setattr(self.kind, "test_list", checksums[train:])
        monkeypatch.setattr(self.kind, "tgz_md5", md5(self.archive()))

    def write(self, root: Path) -> Path:
        """Write the batches in torchvision's layout."""
        folder = root / self.kind.base_folder
        folder.mkdir(parents=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        return folder

    def archive(self) -> bytes:
        """Return the batches as the official archive packs them."""
        packed = io.BytesIO()
        with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as outer, tarfile.open(fileobj=outer, mode="w") as tar:
            for name, content in self.files.items():
                member = tarfile.TarInfo(f"{self.kind.base_folder}/{name}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        return packed.getvalue()

    def same(self, images: Tensor, labels: Tensor) -> bool:
        """Whether these are all the records, in order."""
        same = (images.numpy().reshape(len(images), 3072) == self.images).all()
        return bool(same and (labels.numpy() == self.labels).all())


# --------------------------------------------------------------------------------------------------------------- server


class Handler(BaseHTTPRequestHandler):
    """Sends the files of `server.files`: `whole`, `truncated` at half, `interrupted` there by a reset, or `silent`."""

    server: Any

    def do_GET(self) -> None:
        """Answer in the server's manner."""
        content = self.server.files[self.path.lstrip("/")]
        if self.server.manner == "silent":
            time.sleep(1)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content if self.server.manner == "whole" else content[: len(content) // 2])
        if self.server.manner == "interrupted":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    files: dict[str, bytes]
    manner: str

    def handle_error(self, *_: object) -> None:
        """Say nothing about a client that hangs up."""
