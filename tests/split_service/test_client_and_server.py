"""Client and server over loopback: right answers, refusals in one line, and the commands of the documentation."""

from __future__ import annotations

import json
import shlex
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from privprune import command_line
from privprune.errors import UserError
from privprune.split_service.client import Client, client_of, read_image
from privprune.split_service.codec import DTYPES
from privprune.split_service.message import request_of
from privprune.split_service.pair import PAIR_FILE, Pair, file_hash, load_pair
from privprune.split_service.server import Server

Write = Callable[..., Pair]
Listen = Callable[[Path], Server]
FEATURES = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 1, 3)
COMMANDS = Path(__file__).with_name("commands.sh")


def address(server: Server) -> str:
    """Return where a server listens."""
    return f"http://127.0.0.1:{server.server_address[1]}"


def exchange(server: Server, content: bytes, *, close: bool = False) -> tuple[int, str]:
    """Send bytes and return status and body of the answer; with `close` nothing more is announced."""
    with socket.create_connection(server.server_address[:2], timeout=5) as connection:  # type: ignore[arg-type]
        connection.sendall(content)
        if close:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65536):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


def request(header: dict[str, str | None], body: bytes, line: str = "POST /features HTTP/1.1") -> bytes:
    """Return the bytes of a request that closes its connection."""
    fields = {"Host": "here", "Connection": "close", "Content-Length": str(len(body)), **header}
    lines = [line, *(f"{name}: {value}" for name, value in fields.items() if value is not None)]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture
def pair(tmp_path: Path, write: Write) -> Pair:
    """Return the pair of a network in `tmp_path`."""
    return write(tmp_path)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("int8", [False, True])
def test_the_answer_is_the_networks(tmp_path: Path, pair: Pair, listen: Listen, dtype: str, int8: bool) -> None:
    """The class of an image is where its largest value stands, in every type, over one connection."""
    client = client_of(tmp_path, address(listen(tmp_path)), int8=int8)
    for largest in (3, 8):
        image = np.full(pair.images, -0.5, np.float32)
        image.flat[largest] = 0.75
        reply = client.ask(image, dtype)
        assert reply.answer == {"class": largest}
        assert reply.sent == {"float32": 48, "float16": 24, "uint8": 12, "uint4": 6}[dtype]
    client.close()


def test_an_embedding_comes_back_as_numbers(tmp_path: Path, write: Write, listen: Listen) -> None:
    """A re-identification network answers with what pictures are compared by."""
    pair = write(tmp_path, output="embedding")
    client = client_of(tmp_path, address(listen(tmp_path)), int8=False)
    image = np.linspace(-1, 1, 12, dtype=np.float32).reshape(pair.images)
    assert client.ask(image, "float32").answer == {"embedding": image.flatten().tolist()}
    client.close()


MISTAKES: dict[str, tuple[dict[str, str | None], int, str]] = {
    "another version": ({"X-Privprune-Format": "2"}, 400, "X-Privprune-Format: found '2', allowed 1"),
    "another network": ({"X-Privprune-Model": "0" * 64}, 409, "X-Privprune-Model: found '000"),
    "unknown type": ({"X-Privprune-Dtype": "int7"}, 400, "X-Privprune-Dtype: found 'int7', allowed float32, float16"),
    "another type": ({"X-Privprune-Dtype": "float16"}, 413, "body: found 48 bytes, allowed 24"),
    "another shape": ({"X-Privprune-Shape": "12"}, 400, "X-Privprune-Shape: found '12', allowed 4,1,3"),
    "no shape": ({"X-Privprune-Shape": None}, 400, "X-Privprune-Shape: missing"),
    "scale that is no number": ({"X-Privprune-Scale": "nan"}, 400, "X-Privprune-Scale: found 'nan', allowed a finite"),
    "scale without codes": ({"X-Privprune-Scale": "2"}, 400, "X-Privprune-Scale: found '2', allowed 1, with offset 0"),
    "body announced too long": ({"Content-Length": "49"}, 413, "body: found 49 bytes, allowed 48"),
    "gigabytes announced": ({"Content-Length": "99999999999"}, 413, "body: found 99999999999 bytes, allowed 48"),
    "body announced too short": ({"Content-Length": "47"}, 400, "body: found 47 bytes, allowed 48"),
    "no length": ({"Content-Length": None}, 411, "Content-Length: missing, allowed 48"),
    "length that is no number": ({"Content-Length": "-1"}, 400, "Content-Length: found '-1', allowed 48"),
    "chunks": ({"Transfer-Encoding": "chunked"}, 411, "Content-Length: missing, allowed 48"),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_each_wrong_header_is_refused_in_one_line(tmp_path: Path, pair: Pair, listen: Listen, kind: str) -> None:
    """A status of 4xx and one line with what was found and what is allowed, before the body is read."""
    changed, status, line = MISTAKES[kind]
    header, body = request_of(FEATURES, "float32", pair)
    found, text = exchange(listen(tmp_path), request({**header, **changed}, body))
    assert (found, text.count("\n")) == (status, 1)
    assert text.startswith(line)


def test_a_truncated_body_is_refused(tmp_path: Path, pair: Pair, listen: Listen) -> None:
    """Where the connection ends early, and where the rest never comes."""
    header, body = request_of(FEATURES, "float32", pair)
    content = request(header, body)[:-8]
    server = listen(tmp_path)
    assert exchange(server, content, close=True) == (400, "body: found 40 bytes, allowed 48\n")
    assert exchange(server, content) == (408, "body: incomplete after 0.5 seconds\n")


def test_values_that_are_not_finite_are_refused(tmp_path: Path, pair: Pair, listen: Listen) -> None:
    """Neither as they are nor by the scale of codes."""
    server = listen(tmp_path)
    header, _ = request_of(FEATURES, "float32", pair)
    line = "features: found values that are not finite, allowed finite ones\n"
    assert exchange(server, request(header, np.full(12, np.nan, "<f4").tobytes())) == (400, line)
    header, body = request_of(FEATURES, "uint8", pair)
    assert exchange(server, request({**header, "X-Privprune-Scale": "1e38"}, body)) == (400, line)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /features HTTP/1.1", 405),
        ("POST /other HTTP/1.1", 404),
        ("nonsense", 400),
        ("POST /features HTTP/1.1 x", 400),
    ],
)
def test_other_requests_are_refused(tmp_path: Path, pair: Pair, listen: Listen, line: str, status: int) -> None:
    """Another method, another path, and what is no request."""
    header, body = request_of(FEATURES, "float32", pair)
    found, text = exchange(listen(tmp_path), request(header, body, line))
    assert text.count("\n") == 1
    assert found == status


def test_the_server_goes_on_after_refusals(tmp_path: Path, pair: Pair, listen: Listen) -> None:
    """A client that was refused is told in one line, and another one is answered."""
    server = listen(tmp_path)
    client = client_of(tmp_path, address(server), int8=False)
    header, body = request_of(FEATURES, "uint8", pair)
    with pytest.raises(UserError, match=r"refused, 409: X-Privprune-Model: found 'f', allowed [0-9a-f]{64}$"):
        client.post("/features", {**header, "X-Privprune-Model": "f"}, body)
    assert client.post("/features", header, body).answer == {"class": 11}
    client.close()


def test_noise_is_added_and_never_the_same(tmp_path: Path, write: Write) -> None:
    """Where the network was trained with noise, the client adds it, of the right size."""
    write(tmp_path, noise=0.5)
    client = client_of(tmp_path, "http://127.0.0.1:1", int8=False)
    images = np.zeros((2000, 3, 2, 2), np.float32)
    first, second = client.features(images), client.features(images)
    assert first.dtype == np.float32
    assert first.std() == pytest.approx(0.5, rel=0.05)
    assert not (first == second).any()


def test_a_network_with_other_chance_is_not_sent(tmp_path: Path, write: Write) -> None:
    """A client that cannot defend as the network was trained to does not send."""
    write(tmp_path, left_out=("LaplaceNoise",))
    with pytest.raises(UserError, match="left_out: found LaplaceNoise, allowed only noise"):
        client_of(tmp_path, "http://127.0.0.1:1", int8=False)


def test_only_this_machine_is_listened_to(tmp_path: Path) -> None:
    """Without `--host` the address is that of loopback."""
    options = command_line._parser().parse_args(["serve", str(tmp_path)])
    assert options.host == "127.0.0.1"


def test_the_commands_of_the_documentation_run(
    tmp_path: Path, write: Write, listen: Listen, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each `send` that docs/deployment.md shows is answered by the `serve` that it shows, on a free port."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "data/deployed/photos-bottleneck")
    Image.new("RGB", (32, 32), (9, 9, 9)).save("cat.png")
    lines = [shlex.split(line, comments=True) for line in COMMANDS.read_text(encoding="utf-8").splitlines()]
    ours = [line[3:] for line in lines if line[:3] == ["uv", "run", "privprune"]]
    options = [command_line._parser().parse_args(line) for line in ours]
    (served,) = [one for one in options if one.command == "serve"]
    server = listen(served.folder)
    sent = [line for line in ours if line[0] == "send"]
    assert [command_line.main([*line, "--server", address(server)]) for line in sent] == [0] * len(sent)
    assert capsys.readouterr().out.count("class: ") == len(sent) == 2
    assert all(one.server == f"http://{served.host}:{served.port}" for one in options if one.command == "send")


def wrong_file(folder: Path) -> None:
    """Make the description of the network one of another version."""
    content = json.loads((folder / PAIR_FILE).read_text(encoding="utf-8"))
    (folder / PAIR_FILE).write_text(json.dumps({**content, "format": 2}), encoding="utf-8")


def no_onnx(folder: Path) -> None:
    """Put text in place of the cloud, and its hash in the description."""
    (folder / "cloud.onnx").write_bytes(b"x")
    content = json.loads((folder / PAIR_FILE).read_text(encoding="utf-8"))
    files = {**content["files"], "cloud.onnx": file_hash(b"x")}
    (folder / PAIR_FILE).write_text(json.dumps({**content, "files": files}), encoding="utf-8")


@pytest.mark.usefixtures("pair")
@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda folder: (folder / PAIR_FILE).unlink(), "pair.json: not found"),
        (wrong_file, "format: found 2, allowed 1"),
        (lambda folder: (folder / "cloud.onnx").unlink(), "cloud.onnx: No such file"),
        (
            lambda folder: (folder / "cloud.onnx").write_bytes(b"x"),
            "cloud.onnx: found a file of SHA-256 2d711642b726b0",
        ),
        (no_onnx, "cloud.onnx: found a file that ONNX Runtime cannot"),
    ],
)
def test_a_folder_without_a_network_is_refused(
    tmp_path: Path, change: Callable[[Path], Any], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`serve` says what is wrong in one line and ends with status 1."""
    change(tmp_path)
    assert command_line.main(["serve", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert line in told
    assert told.count("\n") == 1


@pytest.mark.usefixtures("pair")
@pytest.mark.parametrize("int8", [False, True])
def test_a_half_of_another_network_is_not_used(tmp_path: Path, write: Write, int8: bool) -> None:
    """A file that is not the one the pair was written with is refused before an image is read, whatever its shapes."""
    write(tmp_path / "other")
    name = "edge_int8.onnx" if int8 else "edge.onnx"
    content = (tmp_path / "other" / name).read_bytes()
    (tmp_path / "other" / name).write_bytes(content.replace(b"features", b"outgoing"))
    with pytest.raises(UserError, match=rf"{name}: found a file of SHA-256 [0-9a-f]{{64}}, allowed [0-9a-f]{{64}} "):
        client_of(tmp_path / "other", "http://127.0.0.1:1", int8=int8)


@pytest.mark.usefixtures("pair")
@pytest.mark.parametrize("server", ["here", "ftp://here:1", "http://here", "http://here:x", "http://here:1/there"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, server: str) -> None:
    """The client wants `http://HOST:PORT`."""
    with pytest.raises(UserError, match=r"allowed http://HOST:PORT$"):
        client_of(tmp_path, server, int8=False)


def test_a_server_that_is_not_there(tmp_path: Path, pair: Pair) -> None:
    """The client says in one line that nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = client_of(tmp_path, f"http://127.0.0.1:{port}", int8=False)
    with pytest.raises(UserError, match=f"http://127.0.0.1:{port}: Connection refused"):
        client.ask(np.zeros(pair.images, np.float32), "uint8")


def test_images_are_read_as_the_network_takes_them(tmp_path: Path) -> None:
    """White is 1, black is -1, in the order of channels; what is no image is refused in one line."""
    Image.new("RGB", (4, 4), (255, 0, 0)).save(tmp_path / "red.png")
    np.testing.assert_array_equal(read_image(tmp_path / "red.png", (3, 2, 2))[:, 0, 0], [1, -1, -1])
    assert read_image(tmp_path / "red.png", (1, 2, 2)).shape == (1, 2, 2)
    (tmp_path / "text.png").write_text("x")
    with pytest.raises(UserError, match=r"text\.png: found no image that can be read$"):
        read_image(tmp_path / "text.png", (3, 2, 2))
    with pytest.raises(UserError, match=r"missing\.png: No such file"):
        read_image(tmp_path / "missing.png", (3, 2, 2))


def test_the_written_pair_is_read_again(tmp_path: Path, pair: Pair) -> None:
    """`pair.json` has all that both sides must know; other networks have other hashes."""
    assert load_pair(tmp_path) == pair
    assert isinstance(client_of(tmp_path, "http://127.0.0.1:1", int8=True), Client)
