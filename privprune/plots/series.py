"""The numbers that figures are drawn from: points with intervals, and curves with bands."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Point:
    """A measured value and its interval, which is absent where one seed leaves it unknown."""

    value: float
    low: float | None
    high: float | None

    @property
    def reach(self) -> tuple[float, float]:
        """The lengths of the error bar below and above the value, zero where there is no interval."""
        if self.low is None or self.high is None:
            return 0.0, 0.0
        return max(self.value - self.low, 0.0), max(self.high - self.value, 0.0)


@dataclass(frozen=True)
class Band:
    """A curve with the band around it; all four sequences have one entry per place on the x axis."""

    x: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def __post_init__(self) -> None:
        lengths = {len(self.x), len(self.mean), len(self.low), len(self.high)}
        if len(lengths) != 1:
            raise ValueError(f"a band needs four sequences of one length, not {sorted(lengths)}")


def band_over_seeds(history: Sequence[Sequence[float | None]]) -> Band:
    """Return the mean over seeds per epoch (from 1) and, as band, the range of the seeds: every run lies inside it.

    `history` is epochs x seeds; an epoch in which nothing was measured (empty, or all not a number) is left out.
    """
    kept = [
        (epoch, [value for value in values if value is not None and np.isfinite(value)])
        for epoch, values in enumerate(history, start=1)
    ]
    kept = [(epoch, values) for epoch, values in kept if values]
    return Band(
        x=tuple(float(epoch) for epoch, _ in kept),
        mean=tuple(float(np.mean(values)) for _, values in kept),
        low=tuple(min(values) for _, values in kept),
        high=tuple(max(values) for _, values in kept),
    )


def point_over_seeds(values: Sequence[float]) -> Point:
    """Return the mean over seeds of one measurement and the range of the seeds."""
    return Point(float(np.mean(values)), min(values), max(values))
