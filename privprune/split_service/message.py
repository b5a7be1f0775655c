"""One image's features as an HTTP request: what the header says, and what a server refuses.

It is a POST to `/features` whose body has the values, see `codec`, and whose header has these fields:

- `X-Privprune-Format: 1`, the version of this format;
- `X-Privprune-Model: 3f..`, the hash of both halves, `Pair.model`;
- `X-Privprune-Dtype: uint8`, or float32, float16, uint4;
- `X-Privprune-Shape: 8,8,8`, of the features;
- `X-Privprune-Scale: 0.013`, what one step of a code stands for;
- `X-Privprune-Offset: 0.0`, what code 0 stands for;
- `Content-Length: 512`.
"""

from __future__ import annotations

import math
from typing import Protocol

from privprune.errors import shown
from privprune.split_service.codec import DTYPES, PLAIN, Array, Packed, body_bytes, pack, unpack
from privprune.split_service.pair import FORMAT, Pair

PATH = "/features"
_PREFIX = "X-Privprune-"
BAD_REQUEST, NOT_FOUND, METHOD_NOT_ALLOWED, TIMEOUT, CONFLICT, NO_LENGTH, TOO_LARGE = 400, 404, 405, 408, 409, 411, 413
_LONGEST_LENGTH = 12  # digits of a Content-Length


class Header(Protocol):
    """The header of a request: a mapping, or what `http.server` has for one, which ignores case."""

    def get(self, name: str, /) -> str | None:
        """Return a field; None where it is missing."""
        ...


class RefusedError(Exception):
    """A request that the server does not answer: an HTTP status of 400 to 499, and one line that says why."""

    def __init__(self, status: int, line: str) -> None:
        """Store status and line."""
        super().__init__(line)
        self.status, self.line = status, line


def request_of(features: Array, dtype: str, pair: Pair) -> tuple[dict[str, str], bytes]:
    """Return header and body of a request.

    Args:
        features: float32, of the pair's shape.
        dtype: one of `codec.DTYPES`.
        pair: of the halves.

    Raises:
        ValueError: some features are not finite, or too large for the type.

    """
    packed = pack(features, dtype)
    header = {
        "Format": str(FORMAT),
        "Model": pair.model,
        "Dtype": dtype,
        "Shape": _as_text(features.shape),
        "Scale": repr(packed.scale),
        "Offset": repr(packed.offset),
    }
    return {f"{_PREFIX}{name}": value for name, value in header.items()}, packed.body


def check_header(header: Header, pair: Pair) -> int:
    """Check all that a header says, before any of the body is read.

    Returns:
        bytes of the body.

    Raises:
        RefusedError: something is missing, malformed or not of this network; a body that is announced too long.

    """
    _require(header, "Format", str(FORMAT))
    _require(header, "Model", pair.model, CONFLICT)
    dtype = _field(header, "Dtype")
    if dtype not in DTYPES:
        raise _refused("Dtype", dtype, ", ".join(DTYPES))
    _require(header, "Shape", _as_text(pair.features))
    scale, offset = _number(header, "Scale"), _number(header, "Offset")
    if dtype in PLAIN and (scale, offset) != (1.0, 0.0):
        raise _refused("Scale", f"{scale:g}", f"1, with offset 0, for {dtype}")
    if scale <= 0:
        raise _refused("Scale", f"{scale:g}", "a number above 0")
    return _length(header, body_bytes(math.prod(pair.features), dtype))


def features_of(header: Header, body: bytes, pair: Pair) -> Array:
    """Return the features of a request whose header was checked, float32 of the pair's shape.

    Raises:
        RefusedError: the body ended early, or has values that are not finite.

    """
    dtype = _field(header, "Dtype")
    try:
        packed = Packed(body, dtype, _number(header, "Scale"), _number(header, "Offset"))
        return unpack(packed, pair.features)
    except ValueError as broken:
        raise RefusedError(BAD_REQUEST, str(broken)) from None


def _length(header: Header, wanted: int) -> int:
    found = header.get("Content-Length")
    if found is None or header.get("Transfer-Encoding") is not None:
        raise RefusedError(NO_LENGTH, f"Content-Length: missing, allowed {wanted}")
    if not (found.isascii() and found.isdigit() and len(found) <= _LONGEST_LENGTH):
        raise RefusedError(BAD_REQUEST, f"Content-Length: found {shown(found)}, allowed {wanted}")
    if int(found) > wanted:
        raise RefusedError(TOO_LARGE, f"body: found {found} bytes, allowed {wanted}")
    if int(found) < wanted:
        raise RefusedError(BAD_REQUEST, f"body: found {found} bytes, allowed {wanted}")
    return wanted


def _require(header: Header, name: str, wanted: str, status: int = BAD_REQUEST) -> None:
    found = _field(header, name)
    if found != wanted:
        raise RefusedError(status, f"{_PREFIX}{name}: found {shown(found)}, allowed {wanted}")


def _field(header: Header, name: str) -> str:
    found = header.get(f"{_PREFIX}{name}")
    if found is None:
        raise RefusedError(BAD_REQUEST, f"{_PREFIX}{name}: missing")
    return found


def _number(header: Header, name: str) -> float:
    found = _field(header, name)
    try:
        number = float(found)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _refused(name, found, "a finite number")
    return number


def _refused(name: str, found: str, allowed: str) -> RefusedError:
    return RefusedError(BAD_REQUEST, f"{_PREFIX}{name}: found {shown(found)}, allowed {allowed}")


def _as_text(shape: tuple[int, ...]) -> str:
    return ",".join(str(size) for size in shape)
