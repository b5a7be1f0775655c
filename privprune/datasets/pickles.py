"""A reader of pickles that admits only arrays, bytes, texts, numbers, lists, tuples and dictionaries."""

from __future__ import annotations

import io
import math
import pickle
from typing import Any

import numpy as np

from privprune.errors import UserError


def load_plain(content: bytes, name: str) -> Any:
    """Read a pickle of plain data.

    Texts that Python 2 wrote are returned as bytes. Arrays are returned only as values of a dictionary at the top.

    Args:
        content: the whole pickle.
        name: of the file, for the message.

    Raises:
        UserError: it is damaged, or names anything that is not plain data; nothing that it names is run.

    """
    try:
        found = _PlainUnpickler(io.BytesIO(content), encoding="bytes").load()
    except _NotPlainError as refused:
        raise UserError(f"{name}: refused, the pickle names {refused}, allowed are arrays and plain values") from None
    except Exception as broken:  # noqa: BLE001 (a damaged pickle can fail in any way)
        reason = " ".join(f"{type(broken).__name__}: {broken}".split())
        raise UserError(f"{name}: not readable as a pickle ({reason})") from None
    if isinstance(found, dict):
        return {key: value.array if isinstance(value, _Array) else value for key, value in found.items()}
    return found


class _NotPlainError(Exception):
    pass


class _Dtype:
    """Replaces `numpy.dtype` in a pickle: a code of a number type; the second entry of the state is the byte order."""

    def __init__(self, code: Any, *flags: object) -> None:
        if _text(code) not in ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"):
            raise _NotPlainError(f"the dtype {code!r}")
        self.dtype: np.dtype[Any] = np.dtype(_text(code))

    def __setstate__(self, state: Any) -> None:
        self.dtype = self.dtype.newbyteorder(_text(state[1]))


def _text(found: Any) -> Any:
    """Return the text of bytes that Python 2 wrote for a text; anything else unchanged."""
    return found.decode() if isinstance(found, bytes) else found


class _Array:
    """Replaces `numpy.ndarray` in a pickle, so that NumPy receives checked bytes and never a state to restore."""

    array: np.ndarray[Any, Any] | None = None

    def __init__(self, *ignored: object) -> None:
        """Accept the arguments of NumPy's `_reconstruct` (type, shape, code), which the state replaces."""

    def __setstate__(self, state: Any) -> None:
        _version, shape, kind, fortran, content = state
        if not isinstance(content, bytes) or math.prod(shape) * kind.dtype.itemsize != len(content):
            raise _NotPlainError("an array whose size differs from its shape")
        flat = np.frombuffer(content, kind.dtype)
        self.array = flat.reshape(shape, order="F" if fortran else "C")


_ADMITTED = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("numpy.core.multiarray", "_reconstruct"): _Array,  # before NumPy 2
    ("numpy._core.multiarray", "_reconstruct"): _Array,
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return the replacement of a name that arrays consist of; refuse all others."""
        if (module, name) not in _ADMITTED:
            raise _NotPlainError(f"{module}.{name}")
        return _ADMITTED[module, name]
