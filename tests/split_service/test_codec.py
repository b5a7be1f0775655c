"""Features survive their way over the wire, as exactly as their type promises, in the bytes that it promises."""

from __future__ import annotations

import numpy as np
import pytest

from privprune.split_service.codec import BITS, DTYPES, PLAIN, Packed, body_bytes, pack, rounded, unpack

FEATURES = np.random.default_rng(0).normal(2, 3, (3, 5, 7)).astype(np.float32)  # an odd number of values


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_packed_has_the_promised_bytes(dtype: str) -> None:
    """105 values take 420, 210, 105 and 53 bytes."""
    counts = {"float32": 420, "float16": 210, "uint8": 105, "uint4": 53}
    assert len(pack(FEATURES, dtype).body) == body_bytes(105, dtype) == counts[dtype]


@pytest.mark.parametrize("dtype", PLAIN)
def test_plain_values_are_those_of_their_type(dtype: str) -> None:
    """Float32 arrives as it is, float16 as NumPy rounds it; there is no scale."""
    packed = pack(FEATURES, dtype)
    assert (packed.scale, packed.offset) == (1.0, 0.0)
    np.testing.assert_array_equal(unpack(packed, FEATURES.shape), FEATURES.astype(dtype).astype(np.float32))


@pytest.mark.parametrize("dtype", BITS)
def test_codes_err_by_half_a_step_at_most(dtype: str) -> None:
    """A step is the range over 2^b - 1, and the smallest and the largest value arrive."""
    packed = pack(FEATURES, dtype)
    arrived = unpack(packed, FEATURES.shape)
    assert packed.scale == pytest.approx((FEATURES.max() - FEATURES.min()) / (2 ** BITS[dtype] - 1))
    assert abs(arrived - FEATURES).max() <= 0.5001 * packed.scale
    assert (arrived.min(), arrived.max()) == (pytest.approx(FEATURES.min()), pytest.approx(FEATURES.max()))


def test_a_code_by_hand() -> None:
    """0 to 15 in steps of one are the codes 0 to 15; the first of a pair is in the lower half of its byte."""
    packed = pack(np.array([0, 15, 7.4], np.float32), "uint4")
    assert packed == Packed(bytes([0xF0, 0x07]), "uint4", 1.0, 0.0)


@pytest.mark.parametrize("bits", [8, 4])
def test_what_is_measured_is_what_is_sent(bits: int) -> None:
    """`rounded` gives each sample what packing and unpacking it gives."""
    alone = [unpack(pack(one, f"uint{bits}"), one.shape) for one in FEATURES]
    np.testing.assert_array_equal(rounded(FEATURES, bits), np.stack(alone))


@pytest.mark.parametrize("value", [0.0, -3.0, 1e30])
def test_equal_values_arrive(value: float) -> None:
    """Features without a range need no scale."""
    given = np.full((2, 2), value, np.float32)
    np.testing.assert_array_equal(unpack(pack(given, "uint4"), (2, 2)), given)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([np.nan, 0], "uint8"), ([np.inf, 0], "float32"), ([1e6, 0], "float16")],
)
def test_what_cannot_be_sent_is_refused(values: list[float], dtype: str) -> None:
    """Values that are not finite, or too large for the type."""
    with pytest.raises(ValueError, match="features: found"):
        pack(np.array(values, np.float32), dtype)


def test_bytes_of_another_shape_are_refused() -> None:
    """The number of bytes is that of the shape."""
    with pytest.raises(ValueError, match="body: found 12 bytes, allowed 16"):
        unpack(pack(np.zeros(3, np.float32), "float32"), (4,))
