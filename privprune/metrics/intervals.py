"""95 % intervals: a bootstrap over records nested in seeds, and intervals of means of few seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri, stdtrit  # scipy.stats would take each stage most of a second

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
Draw = Callable[[int, int, np.random.Generator], Array]  # seed, count -> [count, metrics]: metrics of resampled records

OUTSIDE = (0.025, 0.975)  # the quantiles at the ends of a 95 % interval
_CELLS = 4_000_000  # largest number of values in one array of resampled records (32 MB)


@dataclass(frozen=True)
class Interval:
    """One number per seed, their mean, and the 95 % interval of that mean.

    Attributes:
        values: one per seed.
        low, high: the ends of the interval; None where there is no basis for one.
        basis: what the interval is based on: "records in seeds", "records" (one seed), "seeds" or "none".

    """

    values: tuple[float, ...]
    low: float | None
    high: float | None
    basis: str

    @property
    def mean(self) -> float:
        """Mean over seeds."""
        return float(np.mean(self.values))

    @property
    def seeds(self) -> int:
        """Number of seeds behind the mean; with 1, the spread between seeds is unknown."""
        return len(self.values)

    def within(self, lowest: float, highest: float) -> Interval:
        """Clip the ends to the range of the number."""
        low, high = (None if end is None else min(max(end, lowest), highest) for end in (self.low, self.high))
        return replace(self, low=low, high=high)

    def as_record(self) -> dict[str, Any]:
        """Return the interval as plain data for JSON."""
        ends = {"mean": self.mean, "low": self.low, "high": self.high}
        return {"values": list(self.values), **ends, "seeds": self.seeds, "basis": self.basis}


def nested_bootstrap(points: Array, draw: Draw, resamples: int, generator: np.random.Generator) -> tuple[Array, Array]:
    """Resample seeds, then the records within each drawn seed, and take the 2.5 and 97.5 percentiles of the mean.

    The deviation of a resample's mean has a part due to the drawn seeds and a part due to the drawn records. The former
    is multiplied by `expansion(seeds)`, since resampling a few seeds understates their spread: in a simulation like
    that of tests/metrics/test_intervals.py, with 3 seeds whose spread is three times that of the records, 82 % of the
    plain intervals contain the truth, and 96 % of the expanded ones. Where seeds do not differ, 99 % do, so that the
    interval is conservative. With one seed, only records are drawn.

    Args:
        points: [seeds, metrics], each metric of each seed without resampling.
        draw: `draw(seed, count, generator)` returns [count, metrics] of that seed, each row on records resampled anew.
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
    """Return the factor that widens a bootstrap over a few seeds to the width of their t interval.

    sqrt(S / (S - 1)) corrects the bias of the resampled variance, t / z accounts for its uncertainty
    (T. Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69,
    2015, who widens percentiles for the same purpose).
    """
    if seeds == 1:
        return 1.0
    return float(np.sqrt(seeds / (seeds - 1)) * stdtrit(seeds - 1, OUTSIDE[1]) / ndtri(OUTSIDE[1]))


def resampled_counts(records: int, count: int, generator: np.random.Generator) -> Counts:
    """Return how often each record is drawn, [count, records]: each row draws all records with replacement."""
    drawn = generator.integers(records, size=(count, records))
    drawn += np.arange(count)[:, None] * records
    return np.bincount(drawn.ravel(), minlength=count * records).reshape(count, records)


def chunks(count: int, width: int) -> list[int]:
    """Divide `count` resamples of `width` numbers each into parts that fit in memory."""
    part = max(1, _CELLS // width)
    return [min(part, count - start) for start in range(0, count, part)]


def bootstrap_of_means(per_record: Sequence[Array], resamples: int, generator: np.random.Generator) -> Interval:
    """Return the interval of the mean over seeds of the mean over records, for example of an accuracy.

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
    """Return what a nested bootstrap over this number of seeds is based on."""
    return "records in seeds" if seeds > 1 else "records"


def mean_interval(values: Sequence[float], records: int | None) -> Interval:
    """Return the interval of numbers, one per seed, where the values of single records are not available.

    Several seeds: the t interval of their mean. One seed and a fraction of `records` records (an accuracy): the
    exact binomial interval (C. Clopper, E. Pearson, Biometrika 26, 1934). One seed and no records: no interval.

    Args:
        values: one per seed.
        records: number of records behind the fraction; None where the number is not a fraction of records.

    """
    if len(values) > 1:
        half = stdtrit(len(values) - 1, OUTSIDE[1]) * np.std(values, ddof=1) / np.sqrt(len(values))
        return Interval(tuple(values), float(np.mean(values) - half), float(np.mean(values) + half), "seeds")
    if records is None:
        return Interval(tuple(values), None, None, "none")
    hits = round(values[0] * records)
    low = float(betaincinv(hits, records - hits + 1, OUTSIDE[0])) if hits else 0.0
    high = float(betaincinv(hits + 1, records - hits, OUTSIDE[1])) if hits < records else 1.0
    return Interval(tuple(values), low, high, "records")
