"""Work that is killed on its way and begun again, as often as wanted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import torch

from privprune.checkpoints.store import Checkpoints

Result = TypeVar("Result")


class KilledError(Exception):
    """What ends the work."""


@dataclass(frozen=True)
class Limited(Checkpoints):
    """Checkpoints after every turn, of which only so many more are done; then the work is killed."""

    left: tuple[list[int], ...] = ()

    def turns(self, loop: str, number: int, state: Any, unchanged: Collection[object] = ()) -> Iterator[int]:
        """Count down, whatever the loop is."""
        for turn in super().turns(loop, number, state, unchanged):
            if not self.left[0][0]:
                raise KilledError
            self.left[0][0] -= 1
            yield turn


def interrupted(work: Callable[[Checkpoints], Result], folder: Path, *turns: int) -> Result:
    """Do work that is killed after so many turns of its loops, then after so many more, and so on.

    Args:
        work: builds all that it needs, then does its turns.
        folder: for the checkpoints.
        turns: of each life; at the end of the last one all turns must have been done, and none twice.

    """
    for life, number in enumerate(turns):
        left = [number]
        checkpoints = Limited(folder, lambda: "key", 0.0, 0.0, left=(left,))
        if life + 1 < len(turns):
            with pytest.raises(KilledError):
                work(checkpoints)
    result = work(checkpoints)
    assert left == [0]
    return result


def same(one: Any, other: Any, where: str = "") -> None:
    """Hold that two results are equal bit for bit: containers, tensors and plain values."""
    assert type(one) is type(other), where
    if isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype, where
        assert torch.equal(one.nan_to_num(-7.0), other.nan_to_num(-7.0)), where
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype, where
        np.testing.assert_array_equal(one, other, where)
    elif is_dataclass(one):
        same(vars(one), vars(other), where)
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for name in one:
            same(one[name], other[name], f"{where}[{name}]")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for place, pair in enumerate(zip(one, other, strict=True)):
            same(*pair, f"{where}[{place}]")
    else:
        assert one == other or (one != one and other != other), where  # noqa: PLR0124 (not a number)
