"""Means over seeds with intervals, for single values and for what is computed from several cells; rank correlation."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass, replace
from itertools import combinations

from scipy.special import stdtrit

from privprune.metrics.record_part import RecordPart, shared_variance

LEVEL = 0.95
SEEDS_ONLY = "seeds only"  # basis: Student's t over seeds
SEEDS_AND_RECORDS = "seeds and records"  # basis: the same, and the noise of records that the seeds share
EXACT = "exact"  # basis: the same in every network, and not measured on records
_RELATIVE_STEP = 1e-5  # of a numeric derivative
_LARGEST = 700.0  # logarithm of what a float can represent
_ROUNDING = 1e-12  # values that differ relatively by less are equal but for the rounding of their computation


@dataclass(frozen=True)
class Estimate:
    """Values per seed with their mean and 95 % interval.

    Attributes:
        values: one per seed.
        mean: their mean, of ratios the geometric one.
        low: lower end of the interval; None with one seed, and where neither seeds nor records show any spread, since
            an interval of no width is no evidence.
        high: upper end.
        basis: what the interval rests on: `SEEDS_ONLY`, `SEEDS_AND_RECORDS` or `EXACT`; of an interval that a record
            has, what was resampled (`metrics.intervals.Interval`).
        record_parts: what the mean owes to records that the seeds share; not part of its JSON.

    """

    values: tuple[float, ...]
    mean: float
    low: float | None
    high: float | None
    basis: str = SEEDS_ONLY
    record_parts: InitVar[tuple[RecordPart, ...]] = ()

    def __post_init__(self, record_parts: tuple[RecordPart, ...]) -> None:
        """Keep the record parts beside the fields."""
        object.__setattr__(self, "_parts", record_parts)

    @property
    def parts(self) -> tuple[RecordPart, ...]:
        """What the mean owes to records that the seeds share, one part for each draw of records."""
        parts: tuple[RecordPart, ...] = self.__dict__["_parts"]
        return parts


class SeedValues(dict[int, float]):
    """A measure per seed, in the order of the cell's seeds, and what its mean owes to records that the seeds share."""

    def __init__(self, values: Mapping[int, float], parts: Sequence[RecordPart] = ()) -> None:
        """Keep the parts beside the values."""
        super().__init__(values)
        self.parts = tuple(parts)


@dataclass(frozen=True)
class Limits:
    """What a quantity can be.

    Attributes:
        lowest: no interval goes below it.
        highest: nor above it.
        positive: it is a ratio: mean and interval are those of its logarithm, so that neither depends on which side
            stands above. The arithmetic mean favours large ratios: where neither side is larger, its interval lies
            above 1 in 4.3 and below 1 in 2.0 % of cases (5 lognormal ratios of deviation 0.6), of 10 in 9.3 and 1.0 %.
        step: distance of its possible values, zero for a continuous one. A value that can change in steps only is
            known to the uniform deviation of one step, step / sqrt(12), at best (JCGM 100:2008, F.2.2.1).
        exact: it is not measured but counted, the same in every network: equal values are certain.

    """

    lowest: float = -math.inf
    highest: float = math.inf
    positive: bool = False
    step: float = 0.0
    exact: bool = False


ANYTHING = Limits()


def estimate_over_seeds(
    values: Sequence[float], lowest: float = -math.inf, highest: float = math.inf, *, exact: bool = False
) -> Estimate:
    """Return the mean with its 95 % interval by Student's t over seeds, within [lowest, highest]."""
    return estimate_of(SeedValues(dict(enumerate(values))), Limits(lowest, highest, exact=exact))


def estimate_of(values: Mapping[int, float], limits: Limits = ANYTHING) -> Estimate:
    """Return the mean over seeds with its 95 % interval.

    Seeds differ by their own spread s, seen by Student's t, and share the noise of the records that all are scored on,
    which no difference between seeds shows. The variance of the mean is s^2 / S plus the covariance between seeds over
    draws of the records (`metrics.record_part`); the degrees of freedom of the sum are Welch's and Satterthwaite's
    (B. L. Welch, The generalization of Student's problem, Biometrika 34, 1947), at least S - 1. What is not known of
    the records is left out, and the basis says so.

    Args:
        values: per seed, and their record parts if they are `SeedValues`.
        limits: what the quantity can be.

    """
    numbers, parts = tuple(values.values()), values.parts if isinstance(values, SeedValues) else ()
    if limits.positive and min(numbers) > 0:
        return _of_ratios(values, replace(limits, positive=False))
    count, mean = len(numbers), math.fsum(numbers) / len(numbers)
    if count < 2:
        return Estimate(numbers, mean, None, None, SEEDS_ONLY, parts)
    variance, freedom = _variance(numbers, mean, parts, limits.step)
    basis = SEEDS_AND_RECORDS if parts else SEEDS_ONLY
    if variance == 0:
        end = mean if limits.exact else None
        return Estimate(numbers, mean, end, end, EXACT if limits.exact else basis, parts)
    half = float(stdtrit(freedom, (1 + LEVEL) / 2)) * math.sqrt(variance)
    low, high = (min(max(end, limits.lowest), limits.highest) for end in (mean - half, mean + half))
    return Estimate(numbers, mean, low, high, basis, parts)


def _of_ratios(values: Mapping[int, float], limits: Limits) -> Estimate:
    """Return the geometric mean of ratios, with the interval of the mean logarithm."""
    found = estimate_of(combine([values], lambda row: math.log(row[0])), limits)
    low, high = (None if end is None else math.exp(min(end, _LARGEST)) for end in (found.low, found.high))
    parts = values.parts if isinstance(values, SeedValues) else ()
    return Estimate(tuple(values.values()), math.exp(found.mean), low, high, found.basis, parts)


def _variance(values: Sequence[float], mean: float, parts: Sequence[RecordPart], step: float) -> tuple[float, float]:
    """Return the variance of a mean over seeds, and its degrees of freedom."""
    count = len(values)
    spread = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    if max(values) - min(values) <= _ROUNDING * max(map(abs, values)):
        spread = 0.0
    of_seeds = max(spread, step**2 / 12) / count
    shared = [(*shared_variance(part.halves), part.records - 1) for part in parts]
    total = of_seeds + math.fsum(variance for variance, *_ in shared)
    if total == 0:
        return 0.0, float(count - 1)
    uncertain = math.fsum(variance**2 / min(freedom, max(records, 1)) for variance, freedom, records in shared)
    return total, max(total**2 / (of_seeds**2 / (count - 1) + uncertain), float(count - 1))


def combine(
    columns: Sequence[Mapping[int, float]], function: Callable[[Sequence[float]], float | None], *, smooth: bool = True
) -> SeedValues:
    """Compute a quantity from several measures, seed by seed, with its record parts to first order.

    The record parts of the measures are weighted with the quantity's mean slopes (the delta method). Parts of the same
    draws of records add up draw by draw, so that noise that two cells have in common cancels in their difference; parts
    of different draws are independent.

    Args:
        columns: the measures; the quantity is computed for the seeds that all of them have.
        function: the quantity, from one number per measure; None where it is not defined.
        smooth: whether it has slopes; without, it has no record parts.

    """
    seeds = sorted(set.intersection(*(set(column) for column in columns))) if columns else []
    rows = {seed: [column[seed] for column in columns] for seed in seeds}
    values = {seed: value for seed, row in rows.items() if (value := function(row)) is not None}
    parts: dict[str, RecordPart] = {}
    for place, column in enumerate(columns if smooth and values else ()):
        for part in column.parts if isinstance(column, SeedValues) else ():
            slope = math.fsum(_slope(function, rows[seed], place) for seed in values) / len(values)
            weighted = _in_order(part, list(column), seeds).times(slope)
            before = parts.get(weighted.draws)
            halves = weighted.halves if before is None else before.halves + weighted.halves
            parts[weighted.draws] = replace(weighted, halves=halves)
    return SeedValues(values, tuple(parts.values()))


def of_seeds(values: Mapping[int, float], seeds: Iterable[int]) -> SeedValues:
    """Return the values of some of the seeds."""
    return combine([values, dict.fromkeys(seeds, 0.0)], lambda row: row[0])


def _slope(function: Callable[[Sequence[float]], float | None], row: Sequence[float], place: int) -> float:
    """Return the derivative by one argument, from one side only where the other is not defined."""
    step = _RELATIVE_STEP * (abs(row[place]) or 1.0)
    moved = ([*row[:place], row[place] + by, *row[place + 1 :]] for by in (step, -step))
    above, below = (function(one) for one in moved)
    middle = function(row) or 0.0
    if above is None and below is None:
        return 0.0
    if above is None or below is None:
        return (above - middle) / step if above is not None else (middle - (below or 0.0)) / step
    return (above - below) / (2 * step)


def _in_order(part: RecordPart, own: Sequence[int], seeds: Sequence[int]) -> RecordPart:
    """Return a part whose halves are of every other of the given seeds; of other halves it is a part of other draws.

    Halves of the same seeds pair; where a seed is in the first half of one cell and in the second of another, the
    covariance of the halves would be one of a seed with itself.
    """
    halves = [own.index(seed) % 2 for seed in seeds]
    if halves == [place % 2 for place in range(len(seeds))]:
        return part
    if halves == [(place + 1) % 2 for place in range(len(seeds))]:
        return replace(part, halves=part.halves[::-1])
    return replace(part, draws=f"{part.draws} in halves {''.join(map(str, halves))}")


def kendall(first: Sequence[float], second: Sequence[float]) -> float:
    """Return Kendall's tau-a: (concordant - discordant pairs) / all pairs; a tie counts as neither."""
    pairs = list(combinations(zip(first, second, strict=True), 2))
    score = sum(_sign(one[0] - other[0]) * _sign(one[1] - other[1]) for one, other in pairs)
    return score / len(pairs)


def kendall_limits(ranked: int) -> Limits:
    """Return what Kendall's tau-a of so many cells can be: from -1 to 1, in steps of a pair that changes sides."""
    pairs = ranked * (ranked - 1) / 2
    return Limits(-1.0, 1.0, step=2 / pairs if pairs else 0.0)


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
