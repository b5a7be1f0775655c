"""What a benchmark reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Result:
    """One measured number with its aim.

    Attributes:
        benchmark: name on the command line.
        measure: what was measured, in words.
        value: the number; None where it could not be measured, the note then says why.
        unit: `times`, `s`, `MiB`, `%`, `GFLOP/s`, or `power`, the exponent of what a cost grows with.
        aim: what was asked for, or None where the number is reported without one.
        better: which side of the aim is the good one.
        note: the numbers behind it, and where the time goes if the aim is missed.
        points: what a figure shows of it: label or size, and number.

    """

    benchmark: str
    measure: str
    value: float | None
    unit: Literal["times", "s", "MiB", "%", "GFLOP/s", "power"]
    aim: float | None
    better: Literal["higher", "lower"]
    note: str
    points: tuple[tuple[str, float], ...] = ()

    @property
    def reached(self) -> str:
        """Say `yes`, `no`, or nothing where there is no aim or no number."""
        if self.aim is None or self.value is None:
            return ""
        return "yes" if (self.value >= self.aim) == (self.better == "higher") or self.value == self.aim else "no"
