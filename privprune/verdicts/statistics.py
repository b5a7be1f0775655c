"""Means with intervals over seeds, and rank correlation, for a handful of values."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from scipy.special import stdtrit

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """Values per seed with their mean and 95 % interval; one seed gives no interval (None)."""

    values: tuple[float, ...]
    mean: float
    low: float | None
    high: float | None


def estimate_over_seeds(values: Sequence[float], lowest: float = -math.inf, highest: float = math.inf) -> Estimate:
    """Return the mean with its 95 % interval by Student's t, cut to [lowest, highest]; one value has no interval."""
    count = len(values)
    mean = math.fsum(values) / count
    if count < 2:
        return Estimate(tuple(values), mean, None, None)
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    half = float(stdtrit(count - 1, (1 + LEVEL) / 2)) * math.sqrt(variance / count)
    return Estimate(tuple(values), mean, max(mean - half, lowest), min(mean + half, highest))


def kendall(first: Sequence[float], second: Sequence[float]) -> float:
    """Return Kendall's tau-a: (concordant - discordant pairs) / all pairs; a tie counts as neither."""
    pairs = list(combinations(zip(first, second, strict=True), 2))
    score = sum(_sign(one[0] - other[0]) * _sign(one[1] - other[1]) for one, other in pairs)
    return score / len(pairs)


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
