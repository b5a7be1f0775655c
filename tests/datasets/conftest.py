"""Fixtures of the data sets' tests; none of them can reach beyond this machine."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest
import torchvision.datasets
from small_sets import Handler, Server, SmallCifar, SmallMnist, nowhere

from privprune.datasets.families import tiny_imagenet


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace every official address by one where nobody answers."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for kind in (torchvision.datasets.MNIST, torchvision.datasets.FashionMNIST):
        monkeypatch.setattr(kind, "mirrors", [nowhere()])
    for kind in (torchvision.datasets.CIFAR10, torchvision.datasets.CIFAR100):
        monkeypatch.setattr(kind, "url", nowhere() + kind.filename)
    monkeypatch.setattr(tiny_imagenet, "URL", nowhere() + "tiny-imagenet-200.zip")


@pytest.fixture
def small_mnist(monkeypatch: pytest.MonkeyPatch) -> SmallMnist:
    """MNIST's and Fashion-MNIST's checksums fit the small files."""
    return SmallMnist(monkeypatch)


@pytest.fixture
def small_cifar10() -> SmallCifar:
    """CIFAR-10's checksums do not fit the small files, unless the test says `official`."""
    return SmallCifar(torchvision.datasets.CIFAR10, b"labels", 10)


@pytest.fixture
def small_cifar100() -> SmallCifar:
    """CIFAR-100's checksums do not fit the small files, unless the test says `official`."""
    return SmallCifar(torchvision.datasets.CIFAR100, b"fine_labels", 100)


@pytest.fixture
def serve() -> Iterator[Callable[[dict[str, bytes], str], str]]:
    """Return a function that serves files in a manner and returns the address."""
    with contextlib.ExitStack() as running:

        def start(files: dict[str, bytes], manner: str) -> str:
            server = running.enter_context(Server(("127.0.0.1", 0), Handler))
            server.files, server.manner = files, manner
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
            thread.start()
            running.callback(thread.join)
            running.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}/"

        yield start
