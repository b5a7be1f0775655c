"""How many seeds a comparison would need to be decided, from the part of its interval that more seeds shrink."""

import math
from collections.abc import Sequence
from statistics import stdev

from scipy.special import stdtrit

from privprune.verdicts.statistics import LEVEL

MOST = 1000  # beyond so many seeds nothing is said but that they do not suffice


def half_width_with(values: Sequence[float], half: float, seeds: int) -> float:
    """Return the half-width expected with a number of seeds, from one that was measured.

    The half-width has two parts, h^2 = (t_{S-1} s / sqrt(S))^2 + r^2: the spread s of the S seeds' values, and what is
    left, r, which comes from records that all seeds share and does not shrink with seeds.

    Args:
        values: one per seed, at least two.
        half: the measured half-width.
        seeds: the number of seeds to expect it for.

    """
    spread = stdev(values)
    shared = math.sqrt(max(0.0, half**2 - _part_of_seeds(spread, len(values)) ** 2))
    return math.hypot(_part_of_seeds(spread, seeds), shared)


def seeds_needed(values: Sequence[float], half: float, distance: float) -> int | None:
    """Return the fewest seeds with a half-width below a distance, if mean and spread stay; None if MOST are too few."""
    if half_width_with(values, half, MOST) >= distance:
        return None
    return next(seeds for seeds in range(2, MOST + 1) if half_width_with(values, half, seeds) < distance)


def words_on_seeds(values: Sequence[float], low: float, high: float, bound: float, *, holds: bool) -> str:
    """Say with how many seeds the interval would leave the bound out, if the mean stays; or that seeds cannot do it.

    Args:
        values: one per seed.
        low: lower end of their interval.
        high: upper end.
        bound: the claim's, which the interval includes.
        holds: whether the claim holds of the mean.

    """
    if len(values) < 2:
        return "one seed says nothing of the spread between seeds"
    mean = math.fsum(values) / len(values)
    half, distance = (mean - low if mean > bound else high - mean), abs(mean - bound)
    needed = seeds_needed(values, half, distance)
    if needed is not None:
        return f"about {needed} seeds would decide it {'for' if holds else 'against'} the claim, if the mean stays"
    least = half_width_with(values, half, MOST)
    return f"more seeds would not decide it: at {MOST} the half-width is still {least:.3g}, the distance {distance:.3g}"


def _part_of_seeds(spread: float, seeds: int) -> float:
    return float(stdtrit(seeds - 1, (1 + LEVEL) / 2)) * spread / math.sqrt(seeds)
