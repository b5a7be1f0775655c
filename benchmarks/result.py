"""The result of a benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Result:
    """One measured number with its aim.

    Attributes:
        benchmark: name on the command line.
        measure: what was measured, in words.
        value: the number; None where it could not be measured, for the reason in the note.
        unit: `times`, `s`, `MiB`, `%`, `GFLOP/s`, or `power` for the exponent of a power law.
        aim: the number to reach, or None where there is no aim.
        better: whether a higher or a lower number is better.
        note: the numbers that it was computed from, and where the time goes if the aim is missed.
        points: data of its figure: (label or size, number).

    """

    benchmark: str
    measure: str
    value: float | None
    unit: Literal["times", "s", "ms", "MiB", "%", "GFLOP/s", "power"]
    aim: float | None
    better: Literal["higher", "lower"]
    note: str
    points: tuple[tuple[str, float], ...] = ()

    @property
    def reached(self) -> str:
        """Return `yes`, `no`, or an empty text where there is no aim or no number."""
        if self.aim is None or self.value is None:
            return ""
        return "yes" if (self.value >= self.aim) == (self.better == "higher") or self.value == self.aim else "no"
