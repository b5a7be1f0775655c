"""How many seeds a comparison would need: against simulated intervals, and with records that seeds cannot help."""

import math

import numpy as np
import pytest

from privprune.verdicts.seeds_needed import half_width_with, seeds_needed, words_on_seeds
from privprune.verdicts.statistics import estimate_over_seeds


@pytest.mark.parametrize("seeds", [5, 20])
def test_the_expected_half_width_is_students(seeds: int) -> None:
    """Without records in common the half-width shrinks as that of Student's t: values of the same spread give it."""
    values = [1.0, 2.0, 4.0]
    half = (estimate_over_seeds(values).high or 0.0) - np.mean(values)
    many = np.linspace(-1, 1, seeds)
    many = np.mean(values) + many * np.std(values, ddof=1) / np.std(many, ddof=1)
    found = estimate_over_seeds(many.tolist())
    assert half_width_with(values, float(half), seeds) == pytest.approx((found.high or 0.0) - found.mean)


def test_the_fewest_seeds_are_found() -> None:
    """The number is enough, and one less is not."""
    values, half = [1.0, 2.0, 4.0], 3.7946
    needed = seeds_needed(values, half, 1.0)
    assert needed is not None
    assert half_width_with(values, half, needed) < 1.0 <= half_width_with(values, half, needed - 1)
    ends = 7 / 3 - half, 7 / 3 + half
    for holds, word in ((True, "for"), (False, "against")):
        words = words_on_seeds(values, *ends, 4 / 3, holds=holds)
        assert words == f"about {needed} seeds would decide it {word} the claim, if the mean stays"


def test_records_that_all_seeds_share_do_not_shrink() -> None:
    """Equal values with an interval of +-1 come from the records alone: no number of seeds gets below it."""
    assert half_width_with([5.0, 5.0, 5.0], 1.0, 100) == 1.0
    assert seeds_needed([5.0, 5.0, 5.0], 1.0, 0.9) is None
    assert words_on_seeds([5.0] * 3, 4.0, 6.0, 4.1, holds=True).startswith("more seeds would not decide it")


def test_both_parts_add_as_variances() -> None:
    """A seed part and a record part of equal size have together the square root of two of one."""
    part = math.sqrt(1 / 3) * 4.302652729696142  # t of two degrees of freedom times 1 / sqrt(3)
    values = [-1.0, 0.0, 1.0]
    far = half_width_with(values, math.sqrt(2) * part, 1000)
    assert far == pytest.approx(part, rel=0.001)
