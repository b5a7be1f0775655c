"""Features as bytes: as they are, or rounded to 8 or 4 bits with the scale that undoes it.

With 2^b codes, code = round((value - offset) / scale), where the offset is the smallest value of the features that are
sent together, and the scale their range divided by 2^b - 1. Two codes of 4 bits share a byte, the first in its lower
half. All numbers are little-endian.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

PLAIN: dict[str, np.dtype[Any]] = {"float32": np.dtype("<f4"), "float16": np.dtype("<f2")}  # values as they are
BITS = {"uint8": 8, "uint4": 4}  # codes
DTYPES = (*PLAIN, *BITS)
SCALE_BYTES = 8  # scale and offset, float32 each, which accompany codes


@dataclass(frozen=True)
class Packed:
    """Features as they are sent.

    Attributes:
        body: the bytes.
        dtype: one of `DTYPES`.
        scale: what one step of a code stands for, in units of the features; 1 for values as they are.
        offset: what code 0 stands for; 0 for values as they are.

    """

    body: bytes
    dtype: str
    scale: float
    offset: float


def body_bytes(values: int, dtype: str) -> int:
    """Return how many bytes so many values take, without scale and header."""
    if dtype in PLAIN:
        return PLAIN[dtype].itemsize * values
    return -(-BITS[dtype] * values // 8)


def pack(features: Array, dtype: str) -> Packed:
    """Turn features, float32 of any shape, into bytes.

    Raises:
        ValueError: some features are not finite, or too large for the type.

    """
    flat = np.ascontiguousarray(features, np.float32).reshape(-1)
    if dtype in PLAIN:
        with np.errstate(over="ignore"):
            plain = flat.astype(PLAIN[dtype])
        if not np.isfinite(plain).all():
            raise ValueError(f"features: found values that {dtype} cannot hold, allowed finite ones")
        return Packed(plain.tobytes(), dtype, 1.0, 0.0)
    codes, scale, offset = _codes(flat, BITS[dtype])
    if BITS[dtype] == 4:
        codes = np.append(codes, np.zeros(len(codes) % 2, np.uint8))
        codes = codes[::2] | codes[1::2] << 4
    return Packed(codes.tobytes(), dtype, scale, offset)


def unpack(packed: Packed, shape: tuple[int, ...]) -> Array:
    """Turn bytes back into features, float32 of the given shape.

    Raises:
        ValueError: the number of bytes is not that of the shape, or features are not finite.

    """
    values = math.prod(shape)
    wanted = body_bytes(values, packed.dtype)
    if len(packed.body) != wanted:
        raise ValueError(f"body: found {len(packed.body)} bytes, allowed {wanted}")
    if packed.dtype in PLAIN:
        flat = np.frombuffer(packed.body, PLAIN[packed.dtype]).astype(np.float32)
    else:
        flat = _values(_unpaired(packed, values), packed.scale, packed.offset)
    if not np.isfinite(flat).all():
        raise ValueError("features: found values that are not finite, allowed finite ones")
    return flat.reshape(shape)


def rounded(features: Array, bits: int) -> Array:
    """Return what arrives of features, float32 [n, ...], when those of each sample are sent with so many bits."""
    flat = np.ascontiguousarray(features, np.float32).reshape(len(features), -1)
    return np.stack([_values(*_codes(one, bits)) for one in flat]).reshape(features.shape)


def _codes(flat: Array, bits: int) -> tuple[Array, float, float]:
    """Return codes, uint8 [n], scale and offset of values, float32 [n]; scale and offset are numbers of float32."""
    if not np.isfinite(flat).all():
        raise ValueError("features: found values that are not finite, allowed finite ones")
    steps = 2**bits - 1
    offset = float(flat.min())
    scale = float(np.float32((float(flat.max()) - offset) / steps)) or 1.0  # equal values have code 0 by any scale
    codes = np.clip(np.rint((flat.astype(np.float64) - offset) / scale), 0, steps)
    return codes.astype(np.uint8), scale, offset


def _values(codes: Array, scale: float, offset: float) -> Array:
    with np.errstate(over="ignore"):
        return (codes * scale + offset).astype(np.float32)


def _unpaired(packed: Packed, values: int) -> Array:
    """Return one code per value, uint8 [values]."""
    codes = np.frombuffer(packed.body, np.uint8)
    return np.stack([codes & 15, codes >> 4], axis=1).reshape(-1)[:values] if BITS[packed.dtype] == 4 else codes
