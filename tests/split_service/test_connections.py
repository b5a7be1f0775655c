"""What client and server make of connections that end early or stay silent."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from privprune.errors import UserError
from privprune.split_service.client import client_of
from privprune.split_service.message import request_of
from privprune.split_service.pair import Pair
from privprune.split_service.server import Server

Write = Callable[..., Pair]
Listen = Callable[[Path], Server]
FEATURES = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 1, 3)


def test_a_client_reads_why_a_long_body_is_refused(tmp_path: Path, write: Write, listen: Listen) -> None:
    """Features of another network, more than a connection holds unread: the server's line, and no broken connection."""
    write(tmp_path / "one")
    server, pair = listen(tmp_path / "one"), write(tmp_path / "other", model="f" * 64)
    server.seconds = 10
    header, _ = request_of(FEATURES, "float32", pair)
    client = client_of(tmp_path / "other", f"http://127.0.0.1:{server.server_address[1]}", int8=False)
    for _ in range(5):
        with pytest.raises(UserError, match=r"refused, 409: X-Privprune-Model: found 'fff"):
            client.post("/features", header, bytes(20_000_000))
    client.close()


def test_a_client_goes_on_after_a_pause(tmp_path: Path, write: Write, listen: Listen) -> None:
    """A server closes a silent connection; the next image goes over a new one, and an absent server is still told."""
    pair, server = write(tmp_path), listen(tmp_path)
    server.seconds = 0.25
    client = client_of(tmp_path, f"http://127.0.0.1:{server.server_address[1]}", int8=False)
    image = np.zeros(pair.images, np.float32)
    for _ in range(2):
        assert client.ask(image, "uint8").answer == {"class": 0}
        time.sleep(0.5)
    client.close()
    away = client_of(tmp_path, "http://127.0.0.1:1", int8=False)
    with pytest.raises(UserError, match=r"^http://127\.0\.0\.1:1: Connection refused$"):
        away.ask(image, "uint8")
