"""95 % intervals of means over seeds, by a bootstrap of seeds and of the records that they are scored on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit  # importing scipy.stats would cost each stage most of a second

from privprune.metrics.record_draws import Counts, RecordDraws, Records
from privprune.metrics.record_part import DRAWS, RecordPart

Array = NDArray[np.float64]
Resampled = Callable[[Counts], Array]  # [draws, records], how often each is drawn -> [seeds, draws, metrics]

OUTSIDE = (0.025, 0.975)  # what a 95 % interval leaves out on its two sides


@dataclass(frozen=True)
class Interval:
    """One number per seed, their mean, and the 95 % interval of that mean.

    Attributes:
        values: one per seed.
        low, high: the interval's ends.
        basis: what was resampled: "seeds and shared records", "records in seeds" where each seed has records of its
            own, or "records" where there is one seed.
        part: what the mean owes to the records, for comparisons with other cells; None where it is not stored.

    """

    values: tuple[float, ...]
    low: float
    high: float
    basis: str
    part: RecordPart | None = None

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
        content = {"values": list(self.values), "mean": self.mean, "low": self.low, "high": self.high}
        stored = {} if self.part is None else {"record_part": self.part.as_record()}
        return {**content, "seeds": self.seeds, "basis": self.basis, **stored}


@dataclass(frozen=True)
class Bootstrapped:
    """A bootstrap of several metrics at once.

    Attributes:
        points: [seeds, metrics], each metric of each seed on its records as they are.
        low, high: ends of the 95 % intervals of the means over seeds, [metrics].
        deviations: [seeds, resamples, metrics], each seed's metric on the resampled records less its point.
        draws: of the records.

    """

    points: Array
    low: Array
    high: Array
    deviations: Array
    draws: RecordDraws

    def interval(self, metric: int, *, part: bool) -> Interval:
        """Return the interval of one metric, by its column; `part` says whether its record part is kept."""
        values = tuple(self.points[:, metric].tolist())
        kept = part and len(values) > 1 and self.draws.name
        of_records = RecordPart.of(self.deviations[:, :, metric], self.draws.name, self.draws.records) if kept else None
        return Interval(values, float(self.low[metric]), float(self.high[metric]), self.basis, of_records)

    @property
    def basis(self) -> str:
        """What was resampled, see `Interval`."""
        if len(self.points) == 1:
            return "records"
        return "seeds and shared records" if self.draws.shared else "records in seeds"


def bootstrap(
    points: Array, resampled: Resampled, draws: RecordDraws, resamples: int, generator: np.random.Generator
) -> Bootstrapped:
    """Resample seeds and records, and take the 2.5 and 97.5 percentiles of the mean.

    The deviation of a resample's mean is the sum of a part due to the drawn seeds and a part due to the drawn records.
    The former is multiplied by `expansion(seeds)`, since a bootstrap of few seeds understates their spread. Records
    that seeds share are drawn once for all of them (`RecordDraws`): drawn anew for each seed, as is right where each
    has records of its own, their noise would seem to average out over the seeds. Both are simulated in
    tests/metrics/test_intervals.py. Noise that a seed has on its own records is in both parts, so an interval is
    conservative where that noise is large. With one seed only records are drawn.

    Args:
        points: [seeds, metrics], each metric of each seed on its records as they are.
        resampled: gives the metrics of every seed on records that count as often as they were drawn.
        draws: of the records.
        resamples: number of resamples.
        generator: source of the drawn seeds.

    """
    seeds = len(points)
    deviations = _deviations(points, resampled, draws, resamples)
    chosen = generator.integers(seeds, size=(seeds, resamples))
    from_seeds = points[chosen].mean(axis=0) - points.mean(axis=0)
    from_records = deviations[chosen, np.arange(resamples)].mean(axis=0)
    means = points.mean(axis=0) + expansion(seeds) * from_seeds + from_records
    low, high = np.quantile(means, OUTSIDE, axis=0)
    return Bootstrapped(points, low, high, deviations, draws)


def _deviations(points: Array, resampled: Resampled, draws: RecordDraws, resamples: int) -> Array:
    """Return each seed's metrics on resampled records less those on the records, [seeds, resamples, metrics]."""
    return np.concatenate([resampled(counts) - points[:, None] for counts in draws.counts(resamples)], axis=1)


def expansion(seeds: int) -> float:
    """Factor by which a bootstrap over so few seeds is widened to the width of their t interval.

    sqrt(S / (S - 1)) undoes the bias of the resampled variance, t / z allows for not knowing it
    (T. Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69,
    2015, who widens percentiles to the same end).
    """
    if seeds == 1:
        return 1.0
    return float(np.sqrt(seeds / (seeds - 1)) * stdtrit(seeds - 1, OUTSIDE[1]) / ndtri(OUTSIDE[1]))


def resampled_means(values: Sequence[Array], draws: RecordDraws) -> Resampled:
    """Return a function that gives the means of values over drawn records, for `bootstrap`.

    Args:
        values: for each seed, [its records, metrics].
        draws: of these records; each seed has one pool.

    """
    seeds, metrics = len(values), values[0].shape[1]
    table, scored = np.zeros((draws.records, seeds, metrics)), np.zeros((draws.records, seeds))
    for seed, ((places,), own) in enumerate(zip(draws.columns, values, strict=True)):
        table[places, seed], scored[places, seed] = own, 1

    def resampled(counts: Counts) -> Array:
        drawn = counts.astype(np.float64)
        number = np.maximum(drawn @ scored, 1)  # by chance, none of a seed's few records may be drawn
        sums = (drawn @ table.reshape(len(table), -1)).reshape(len(counts), seeds, metrics)
        means: Array = (sums / number[:, :, None]).transpose(1, 0, 2)
        return means

    return resampled


def bootstrap_of_means(
    per_record: Sequence[Array],
    resamples: int,
    generator: np.random.Generator,
    records: Sequence[Records] | None = None,
) -> Interval:
    """Return the interval of the mean over seeds of the mean over records, such as an accuracy or a squared error.

    Args:
        per_record: for each seed, [records of that seed].
        resamples: number of resamples.
        generator: source of all draws, but for those of records that are known.
        records: for each seed, which records these are, int64, each once; None where that is not known, and every
            seed's records are taken for its own.

    """
    pools = [(values,) for values in per_record]
    draws = RecordDraws.apart(pools, generator) if records is None else RecordDraws.of([(one,) for one in records])
    points = np.array([[values.mean()] for values in per_record])
    resampled = resampled_means([values[:, None] for values in per_record], draws)
    return bootstrap(points, resampled, draws, resamples, generator).interval(0, part=True)


def parts_of_means(values: Sequence[Array], records: Sequence[Records]) -> list[RecordPart]:
    """Return the record parts of means over records, one per metric; empty where there is one seed.

    Args:
        values: for each seed, [its records, metrics].
        records: for each seed, which records these are, int64.

    """
    if len(values) < 2:
        return []
    draws = RecordDraws.of([(one,) for one in records])
    points = np.stack([own.mean(axis=0) for own in values])
    deviations = _deviations(points, resampled_means(values, draws), draws, DRAWS)
    return [RecordPart.of(deviations[:, :, metric], draws.name, draws.records) for metric in range(deviations.shape[2])]
