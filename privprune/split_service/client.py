"""The device's side: compute the features of an image, add noise where the network needs it, and send them."""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image, UnidentifiedImageError

from privprune.errors import UserError, shown
from privprune.split_service.codec import Array
from privprune.split_service.message import PATH, request_of
from privprune.split_service.pair import EDGE_FILE, EDGE_INT8_FILE, Pair, load_half, load_pair
from privprune.split_service.session import Session

_SECONDS = 30  # that the server may be silent
_LONGEST_ANSWER = 1_000_000  # bytes
_MODES = {1: "L", 3: "RGB"}


@dataclass(frozen=True)
class Reply:
    """What came back, and what it cost.

    Attributes:
        answer: of the server, `{"class": 3}` or `{"embedding": [...]}`.
        sent: bytes of the body.
        edge_seconds: of computing the features.
        seconds: between the first byte that was sent and the last one that came back.

    """

    answer: dict[str, Any]
    sent: int
    edge_seconds: float
    seconds: float


class Client:
    """A device with the edge of a deployed network, and a connection that stays open."""

    def __init__(self, edge: Session, pair: Pair, server: str) -> None:
        """Prepare the connection, which is made with the first request.

        Args:
            edge: images in [-1, 1], float32 [n, C, H, W], to features.
            pair: of the halves.
            server: its address, `http://HOST:PORT`.

        Raises:
            UserError: the address is not one, or the network has random layers that the client does not have.

        """
        if pair.left_out:
            raise UserError(f"left_out: found {', '.join(pair.left_out)}, allowed only noise, which the client can add")
        self._edge, self.pair, self._server = edge, pair, server
        self._random = np.random.default_rng(secrets.randbits(128))  # a seed that nobody can guess
        self._connection = _connection(server)

    def features(self, images: Array) -> Array:
        """Compute features of images, float32 [n, C, H, W] in [-1, 1], with the noise of the wire."""
        features = self._edge(images)
        if self.pair.noise:
            noise: Array = np.asarray(self._random.normal(0, self.pair.noise, features.shape), np.float32)
            features = features + noise
        return features

    def ask(self, image: Array, dtype: str) -> Reply:
        """Send the features of an image, float32 [C, H, W] in [-1, 1], as one of `codec.DTYPES`.

        Raises:
            UserError: the server cannot be reached or refuses; with its line.

        """
        began = time.perf_counter()
        features = self.features(image[None])[0]
        computed = time.perf_counter() - began
        try:
            header, body = request_of(features, dtype, self.pair)
        except ValueError as broken:
            raise UserError(f"{self._server}: {broken}") from None
        return self.post(PATH, header, body, computed)

    def post(self, path: str, header: dict[str, str], body: bytes, edge_seconds: float = 0.0) -> Reply:
        """Send a request and wait for the answer.

        Raises:
            UserError: the server cannot be reached or refuses; with its line.

        """
        began = time.perf_counter()
        try:
            status, content = self._exchange(path, header, body)
        except (OSError, http.client.HTTPException) as broken:
            self._connection.close()
            raise UserError(f"{self._server}: {getattr(broken, 'strerror', None) or broken}") from None
        taken = time.perf_counter() - began
        text = content.decode(errors="replace").strip()
        if status != http.client.OK:
            raise UserError(f"{self._server}: refused, {status}: {text}")
        return Reply(_as_answer(text, self._server), len(body), edge_seconds, taken)

    def _exchange(self, path: str, header: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Return status and content of the answer, over a new connection where the server has closed the open one.

        A server closes connections that are silent. It keeps nothing of a request, so that one may come twice.
        """
        was_open = self._connection.sock is not None
        try:
            return self._once(path, header, body)
        except ConnectionError:
            if not was_open:
                raise
            self._connection.close()
            return self._once(path, header, body)

    def _once(self, path: str, header: dict[str, str], body: bytes) -> tuple[int, bytes]:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may refuse before it has read all
            self._connection.request("POST", path, body, header)
        response = self._connection.getresponse()
        return response.status, response.read(_LONGEST_ANSWER)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def client_of(folder: Path, server: str, *, int8: bool) -> Client:
    """Return a client with the edge of a deployed network, in int8 or in float32.

    Raises:
        UserError: the folder has no deployed network, or files of several, or the address is not one.

    """
    pair = load_pair(folder)
    return Client(load_half(folder, EDGE_INT8_FILE if int8 else EDGE_FILE, pair), pair, server)


def read_image(file: Path, shape: tuple[int, ...]) -> Array:
    """Read an image file as the network wants it, enlarged or shrunk to its size: float32 [C, H, W] in [-1, 1].

    Raises:
        UserError: it cannot be read, or networks of that many channels take no photographs.

    """
    channels, height, width = shape
    if channels not in _MODES:
        raise UserError(f"{file}: the network takes images of {channels} channels, allowed 1 or 3 to read a file")
    try:
        with Image.open(file) as image:
            pixels = np.asarray(image.convert(_MODES[channels]).resize((width, height), Image.Resampling.BOX))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as broken:
        reason = getattr(broken, "strerror", None) or "found no image that can be read"
        raise UserError(f"{file}: {reason}") from None
    return pixels.reshape(height, width, channels).transpose(2, 0, 1).astype(np.float32) / 127.5 - 1


def _connection(server: str) -> http.client.HTTPConnection:
    try:
        parts = urlsplit(server)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or port is None or parts.scheme != "http" or parts.path not in ("", "/"):
        raise UserError(f"server: found {shown(server)}, allowed http://HOST:PORT")
    return http.client.HTTPConnection(host, port, timeout=_SECONDS)


def _as_answer(text: str, server: str) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise UserError(f"{server}: found {shown(text)}, allowed an answer in JSON")
    return answer
