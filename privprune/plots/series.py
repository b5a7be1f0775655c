"""The numbers that figures are drawn from: points with intervals, and curves with bands."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from privprune.verdicts import Estimate


@dataclass(frozen=True)
class Point:
    """A measured value and its interval; one seed gives no interval (None)."""

    value: float
    low: float | None
    high: float | None

    @property
    def reach(self) -> tuple[float, float]:
        """The lengths of the error bar below and above the value, zero where there is no interval."""
        if self.low is None or self.high is None:
            return 0.0, 0.0
        return max(self.value - self.low, 0.0), max(self.high - self.value, 0.0)

    def text(self, decimals: int) -> str:
        """Return the value, and its interval in brackets where there is one."""
        if self.low is None or self.high is None:
            return f"{self.value:.{decimals}f}"
        return f"{self.value:.{decimals}f} [{self.low:.{decimals}f}, {self.high:.{decimals}f}]"


@dataclass(frozen=True)
class Band:
    """A curve with the band around it; all four sequences have one entry per position on the x axis."""

    x: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def __post_init__(self) -> None:
        lengths = {len(self.x), len(self.mean), len(self.low), len(self.high)}
        if len(lengths) != 1:
            raise ValueError(f"a band needs four sequences of one length, not {sorted(lengths)}")

    def every_other(self) -> "Band":
        """Return every other position, counted from the last one, with which a curve of rates ends at 1."""
        return Band(*(one[::-1][::2][::-1] for one in (self.x, self.mean, self.low, self.high)))


def band_over_seeds(history: Sequence[Sequence[float | None]]) -> Band:
    """Return the mean over seeds per epoch (from 1) with the range of the seeds as band, which contains every run.

    `history` is epochs x seeds; an epoch without any finite measurement is left out.
    """
    epochs = [
        (epoch, [value for value in values if value is not None and np.isfinite(value)])
        for epoch, values in enumerate(history, start=1)
    ]
    measured = [(epoch, values) for epoch, values in epochs if values]
    return Band(
        x=tuple(float(epoch) for epoch, _ in measured),
        mean=tuple(float(np.mean(values)) for _, values in measured),
        low=tuple(min(values) for _, values in measured),
        high=tuple(max(values) for _, values in measured),
    )


def point_over_seeds(values: Sequence[float]) -> Point:
    """Return the mean over seeds of one measurement with the range of the seeds as interval."""
    return Point(float(np.mean(values)), min(values), max(values))


def point_of(estimate: Estimate, factor: float = 1.0) -> Point:
    """Return the mean and the interval of an estimate, multiplied by a factor that changes the unit."""
    low, high = (None if end is None else factor * end for end in (estimate.low, estimate.high))
    return Point(factor * estimate.mean, low, high)
