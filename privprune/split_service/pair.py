"""Two halves of one network that belong together: what both sides must know of them, in `pair.json` beside them."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from privprune.errors import UserError
from privprune.files import read_json
from privprune.settings import AtLeastOne, Count, NonNegative, read
from privprune.split_service.session import Session

PAIR_FILE, EDGE_FILE, EDGE_INT8_FILE, CLOUD_FILE = "pair.json", "edge.onnx", "edge_int8.onnx", "cloud.onnx"
FORMAT = 1  # of pair.json, and of what goes over the wire


@dataclass(frozen=True)
class Pair:
    """What client and server must agree on.

    Attributes:
        format: version of this file and of the messages.
        model: SHA-256 of both float32 halves, in hexadecimal digits.
        files: name of each ONNX file -> its SHA-256, in hexadecimal digits.
        images: (C, H, W) of an image.
        features: shape of an image's features.
        output: what the cloud returns.
        noise: standard deviation of the Gaussian noise that the device has to add to each feature; 0 for none.
        left_out: kinds of further random layers, which are not part of the files and which the client does not have.

    """

    format: Annotated[int, Count]
    model: str
    files: dict[str, str]
    images: tuple[AtLeastOne, ...]
    features: tuple[AtLeastOne, ...]
    output: Literal["logits", "embedding"]
    noise: NonNegative
    left_out: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """Return the content of `pair.json`."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def file_hash(content: bytes) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def model_hash(edge: bytes, cloud: bytes) -> str:
    """Return the SHA-256 of the SHA-256s of both halves, in hexadecimal digits."""
    return hashlib.sha256(hashlib.sha256(edge).digest() + hashlib.sha256(cloud).digest()).hexdigest()


def load_pair(folder: Path) -> Pair:
    """Read `pair.json` of a deployed network.

    Raises:
        UserError: it is missing or damaged, or of another version.

    """
    file = folder / PAIR_FILE
    if not file.is_file():
        raise UserError(f"{file}: not found; `dvc repro deploy@NAME` writes data/deployed/NAME")
    pair = read(Pair, read_json(file), str(file))
    if pair.format != FORMAT:
        raise UserError(f"{file}: format: found {pair.format}, allowed {FORMAT}")
    return pair


def load_half(folder: Path, name: str, pair: Pair) -> Session:
    """Load one of the ONNX files of a deployed network.

    Raises:
        UserError: it is missing, is not the file that the pair was written with, or is not an ONNX file.

    """
    file = folder / name
    try:
        content = file.read_bytes()
    except OSError as broken:
        raise UserError(f"{file}: {broken.strerror or 'cannot be read'}") from None
    if (found := file_hash(content)) != pair.files.get(name):
        wanted = pair.files.get(name, "none of this name")
        raise UserError(f"{file}: found a file of SHA-256 {found}, allowed {wanted} ({PAIR_FILE} beside it)")
    try:
        return Session(content)
    except Exception:  # noqa: BLE001 (ONNX Runtime raises exceptions of its own, which it does not export)
        raise UserError(f"{file}: found a file that ONNX Runtime cannot load, allowed a half of a network") from None
