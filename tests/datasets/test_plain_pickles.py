"""The reader of pickles admits plain data and nothing else."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_sets import python2_pickle

from privprune.datasets.pickles import load_plain
from privprune.errors import UserError

ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85T\x01\x00\x00\x00b\x87R"
DTYPE = b"cnumpy\ndtype\nT\x02\x00\x00\x00u1K\x00K\x01\x87R"


class Touches:
    """A pickle that creates a file when it is opened by the ordinary reader."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.filterwarnings("ignore:dtype")
def test_reads_what_the_ordinary_reader_reads() -> None:
    """On a pickle of arrays, bytes, numbers and lists it agrees with Python's own reader."""
    content = python2_pickle({b"data": np.arange(12, dtype=np.uint8).reshape(3, 4), b"labels": [1, -2], b"x": b"y"})
    found, expected = load_plain(content, "f"), pickle.loads(content, encoding="bytes")  # noqa: S301
    assert found.keys() == expected.keys()
    assert (found.pop(b"data") == expected.pop(b"data")).all()
    assert found == expected


@pytest.mark.parametrize("protocol", range(2, 6))
def test_reads_plain_values_of_every_protocol(protocol: int) -> None:
    """Texts, numbers, lists, tuples and dictionaries come back equal."""
    plain = {"a": [1, 2.5, None, True], "b": ("text", {"c": -3})}
    assert load_plain(pickle.dumps(plain, protocol), "f") == plain


def test_runs_nothing(tmp_path: Path) -> None:
    """A pickle that would run a function is refused by the name of the function, and has not run it."""
    content = pickle.dumps({"data": Touches(tmp_path / "made")})
    with pytest.raises(UserError, match=r"batch: refused, the pickle names .*allowed are arrays and plain values"):
        load_plain(content, "batch")
    assert not (tmp_path / "made").exists()
    pickle.loads(content)  # noqa: S301 (the proof that this pickle is dangerous)
    assert (tmp_path / "made").exists()


@pytest.mark.parametrize("name", [b"builtins\neval", b"os\nsystem", b"numpy\nload", b"numpy\nndarray.tofile"])
def test_admits_no_other_name(name: bytes) -> None:
    """Names beyond the four that arrays are made of are refused, those of NumPy's own functions too."""
    with pytest.raises(UserError, match="refused"):
        load_plain(b"\x80\x02c" + name + b"\n.", "f")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(ARRAY + b"(K\x01K\x09\x85" + DTYPE + b"\x89T\x02\x00\x00\x00abtb.", id="shape beyond the bytes"),
        pytest.param(ARRAY + b"(K\x01K\x02\x85" + DTYPE + b"\x89](K\x01K\x02etb.", id="objects for bytes"),
        pytest.param(b"cnumpy\ndtype\nT\x01\x00\x00\x00OK\x00K\x01\x87R.", id="dtype of objects"),
    ],
)
def test_refuses_arrays_that_are_not_what_they_say(content: bytes) -> None:
    """An array is built from checked bytes only: no sizes beyond them, no objects."""
    with pytest.raises(UserError, match="refused"):
        load_plain(b"\x80\x02" + content, "f")


@pytest.mark.parametrize("content", [b"", b"\x80\x02}", b"not a pickle", b"\x80\x02R.", b"\x80\x63N."])
def test_a_damaged_pickle_is_reported(content: bytes) -> None:
    """Whatever goes wrong inside ends as one line that names the file."""
    with pytest.raises(UserError, match=r"^data_batch_1: not readable as a pickle [^\n]*$"):
        load_plain(content, "data_batch_1")
