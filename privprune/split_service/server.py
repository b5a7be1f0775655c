"""The cloud's side: an HTTP server that answers features with a class, or with an embedding.

It is made of the standard library, and knows neither users nor encryption. It listens to this machine alone unless it
is told otherwise; whatever faces a network belongs behind a proxy that has both.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from privprune.errors import UserError, printable
from privprune.split_service import message
from privprune.split_service.codec import Array
from privprune.split_service.message import RefusedError
from privprune.split_service.pair import CLOUD_FILE, Pair, load_half, load_pair
from privprune.split_service.session import Session

SECONDS = 10  # that a client may be silent before the connection is closed
_AT_ONCE = 65536  # bytes of a refused body that are read and thrown away
Answer = Callable[["Handler"], dict[str, Any]]


class Server(ThreadingHTTPServer):
    """Answers requests, each in a thread of its own."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], answers: Mapping[str, Answer], seconds: float = SECONDS) -> None:
        """Listen.

        Args:
            address: host and port; port 0 for any that is free.
            answers: path -> function that reads a request and returns what is sent back as JSON.
            seconds: that a client may be silent before the connection is closed.

        Raises:
            UserError: the address cannot be listened to.

        """
        self.answers, self.seconds = answers, seconds
        try:
            super().__init__(address, Handler)
        except (OSError, OverflowError) as broken:
            raise UserError(f"{address[0]}:{address[1]}: {getattr(broken, 'strerror', None) or broken}") from None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over a connection that the client broke off."""


class Handler(BaseHTTPRequestHandler):
    """One connection; refusals are one line of plain text."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else header and body of an answer wait for each other, 40 ms
    server: Server

    def setup(self) -> None:
        """Give the client so many seconds between two bytes."""
        super().setup()
        self.connection.settimeout(self.server.seconds)

    def do_POST(self) -> None:
        """Answer features."""
        try:
            answer = self.server.answers.get(self.path, _not_found)
            self._send(200, json.dumps(answer(self)), "application/json")
        except RefusedError as refused:
            self.send_error(refused.status, refused.line)

    def do_GET(self) -> None:
        """Say what is allowed instead."""
        self.send_error(message.METHOD_NOT_ALLOWED, f"method: found {self.command}, allowed POST")

    do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = do_GET  # noqa: N815 (names that http.server asks for)

    def body(self, length: int) -> bytes:
        """Read the body of a request.

        Raises:
            RefusedError: the client sends too slowly. A body that ends early is returned as it is.

        """
        try:
            return self.rfile.read(length)
        except TimeoutError:
            raise RefusedError(message.TIMEOUT, f"body: incomplete after {self.server.seconds:g} seconds") from None

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request in one line and close the connection, whose next bytes may be the rest of a body."""
        self.close_connection = True
        self.request_version = self.protocol_version  # else a line that is no request gets an answer without a status
        self._send(code, f"{printable(message or 'malformed request')}\n", "text/plain; charset=utf-8")
        self._throw_away()

    def _throw_away(self) -> None:
        """Read what the client still sends, until it ends or has had its seconds.

        A connection that is closed with bytes unread is reset, and the client loses the refusal or never reads it.
        """
        end = time.monotonic() + self.server.seconds
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while time.monotonic() < end and self.rfile.read1(_AT_ONCE):
                pass

    def _send(self, status: int, text: str, kind: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name in http.server)
        """Keep no log: what a client asks is nobody's business."""


def _not_found(handler: Handler) -> dict[str, Any]:
    raise RefusedError(message.NOT_FOUND, f"path: found {handler.path}, allowed {message.PATH}")


def serve_folder(folder: Path, address: tuple[str, int]) -> Server:
    """Return a server for the cloud of a deployed network, which listens once `serve_forever` is called.

    Raises:
        UserError: the folder has no deployed network, or files of several, or the address cannot be listened to.

    """
    pair = load_pair(folder)
    return Server(address, {message.PATH: answers_of(load_half(folder, CLOUD_FILE, pair), pair)})


def answers_of(cloud: Session, pair: Pair) -> Answer:
    """Return the function that answers features: `{"class": 3}`, or `{"embedding": [...]}`."""

    def answer(handler: Handler) -> dict[str, Any]:
        header = handler.headers
        length = message.check_header(header, pair)
        features = message.features_of(header, handler.body(length), pair)
        return answer_of(cloud(features[None])[0], pair)

    return answer


def answer_of(outputs: Array, pair: Pair) -> dict[str, Any]:
    """Return what is sent back for outputs of the cloud, float32 [outputs]."""
    return {"class": int(outputs.argmax())} if pair.output == "logits" else {"embedding": outputs.tolist()}
