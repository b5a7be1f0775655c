"""95 % intervals of means over seeds, by a bootstrap over records nested in seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit  # importing scipy.stats would cost each stage most of a second

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
Draw = Callable[[int, int, np.random.Generator], Array]  # seed, count -> [count, metrics]: metrics of resampled records

OUTSIDE = (0.025, 0.975)  # what a 95 % interval leaves out on its two sides
_CELLS = 4_000_000  # at most so many numbers in one array of resampled records (32 MB)


@dataclass(frozen=True)
class Interval:
    """One number per seed, their mean, and the 95 % interval of that mean.

    Attributes:
        values: one per seed.
        low, high: the interval's ends.
        basis: what was resampled: "records in seeds", or "records" where there is one seed.

    """

    values: tuple[float, ...]
    low: float
    high: float
    basis: str

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return float(np.mean(self.values))

    @property
    def seeds(self) -> int:
        """Number of seeds behind the mean; from 1 nothing follows about other seeds."""
        return len(self.values)

    def within(self, lowest: float, highest: float) -> Interval:
        """Cut the ends to the range of possible numbers."""
        low, high = (min(max(end, lowest), highest) for end in (self.low, self.high))
        return replace(self, low=low, high=high)

    def as_record(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        ends = {"mean": self.mean, "low": self.low, "high": self.high}
        return {"values": list(self.values), **ends, "seeds": self.seeds, "basis": self.basis}


def nested_bootstrap(points: Array, draw: Draw, resamples: int, generator: np.random.Generator) -> tuple[Array, Array]:
    """Resample seeds, then the records within each drawn seed, and take the 2.5 and 97.5 percentiles of the mean.

    The deviation of a resample's mean is the sum of a part due to the drawn seeds and a part due to the drawn records.
    The former is multiplied by `expansion(seeds)`, since a bootstrap of few seeds understates their spread: in a
    simulation like that of tests/metrics/test_intervals.py, with 3 seeds whose spread is three times that of the
    records, 82 % of the intervals without it contain the true mean, and 96 % with it; where seeds do not differ, 99 %
    do, so the interval is conservative. With one seed only records are drawn.

    Args:
        points: [seeds, metrics], each metric of each seed on its records as they are.
        draw: `draw(seed, count, generator)` gives [count, metrics] of that seed, each on its own resampled records.
        resamples: number of resamples.
        generator: source of all draws.

    Returns:
        low and high, each [metrics].

    """
    seeds = len(points)
    chosen = generator.integers(seeds, size=(resamples, seeds))
    from_records = np.empty((resamples, seeds, points.shape[1]))
    for seed in range(seeds):
        slots = chosen == seed
        from_records[slots] = draw(seed, int(slots.sum()), generator) - points[seed]
    from_seeds = points[chosen].mean(axis=1) - points.mean(axis=0)
    means = points.mean(axis=0) + expansion(seeds) * from_seeds + from_records.mean(axis=1)
    low, high = np.quantile(means, OUTSIDE, axis=0)
    return low, high


def expansion(seeds: int) -> float:
    """Factor by which a bootstrap over so few seeds is widened to the width of their t interval.

    sqrt(S / (S - 1)) undoes the bias of the resampled variance, t / z allows for not knowing it
    (T. Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69,
    2015, who widens percentiles to the same end).
    """
    if seeds == 1:
        return 1.0
    return float(np.sqrt(seeds / (seeds - 1)) * stdtrit(seeds - 1, OUTSIDE[1]) / ndtri(OUTSIDE[1]))


def resampled_counts(records: int, count: int, generator: np.random.Generator) -> Counts:
    """Draw all records with replacement, `count` times: how often each is drawn, [count, records]."""
    drawn = generator.integers(records, size=(count, records))
    drawn += np.arange(count)[:, None] * records
    return np.bincount(drawn.ravel(), minlength=count * records).reshape(count, records)


def chunks(count: int, width: int) -> list[int]:
    """Divide `count` resamples of `width` numbers each into parts that fit in memory."""
    part = max(1, _CELLS // width)
    return [min(part, count - start) for start in range(0, count, part)]


def bootstrap_of_means(per_record: Sequence[Array], resamples: int, generator: np.random.Generator) -> Interval:
    """Return the interval of the mean over seeds of the mean over records, such as an accuracy or a squared error.

    Args:
        per_record: for each seed, [records of that seed].
        resamples: number of resamples.
        generator: source of all draws.

    """

    def draw(seed: int, count: int, generator: np.random.Generator) -> Array:
        values = per_record[seed]
        parts = [resampled_counts(len(values), part, generator) @ values for part in chunks(count, len(values))]
        return np.concatenate([*parts, np.empty(0)])[:, None] / len(values)

    points = np.array([[values.mean()] for values in per_record])
    low, high = nested_bootstrap(points, draw, resamples, generator)
    values = tuple(float(value) for value in points[:, 0])
    return Interval(values, float(low[0]), float(high[0]), basis_of(len(values)))


def basis_of(seeds: int) -> str:
    """Say what the nested bootstrap resampled."""
    return "records in seeds" if seeds > 1 else "records"
