"""Intervals contain the true mean as often as they promise, in simulations where it is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from privprune.metrics.intervals import (
    bootstrap_of_means,
    chunks,
    expansion,
    nested_bootstrap,
    resampled_counts,
)


@pytest.mark.parametrize(
    ("seeds", "spread", "most"),
    [(1, 0.0, 0.99), (3, 0.0, 1.0), (3, 3.0, 0.99), (5, 1.0, 1.0), (5, 3.0, 0.99)],
)
def test_the_nested_bootstrap_covers(seeds: int, spread: float, most: float) -> None:
    """At least 91 % of 250 intervals contain the true mean (95 % less 3 standard errors), however much seeds differ.

    `spread` is that of the seeds over that of a seed's mean on its 50 records.
    """
    generator, covered = np.random.default_rng(seeds), []
    for _ in range(250):
        centres = generator.normal(2.0, spread / np.sqrt(50), seeds)
        found = bootstrap_of_means([generator.normal(centre, 1.0, 50) for centre in centres], 200, generator)
        covered.append(found.low <= 2.0 <= found.high)
    assert 0.91 <= np.mean(covered) <= most


def test_one_seed_draws_from_its_records_only() -> None:
    """With one seed the interval is that of the mean of its records, and says so."""
    values = np.random.default_rng(0).normal(5, 2, 400)
    found = bootstrap_of_means([values], 4000, np.random.default_rng(1))
    half = 1.96 * values.std() / 20
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.03)
    assert (found.seeds, found.basis) == (1, "records")
    assert found.as_record()["values"] == [pytest.approx(values.mean())]


def test_several_seeds_say_so_and_widen_the_interval() -> None:
    """Seeds that differ widen the interval beyond what their records explain."""
    draw = np.random.default_rng(2)
    alike = [draw.normal(0, 1, 200) for _ in range(4)]
    apart = [values + shift for values, shift in zip(alike, (-2, -1, 1, 2), strict=True)]
    widths = []
    for records in (alike, apart):
        found = bootstrap_of_means(records, 500, np.random.default_rng(3))
        assert (found.seeds, found.basis) == (4, "records in seeds")
        widths.append(found.high - found.low)
    assert widths[1] > 5 * widths[0]


def test_seeds_without_spread_in_records_give_the_t_interval() -> None:
    """Where records do not vary, resampled seeds, expanded, are as wide as their t interval (to 10 %, 20 seeds)."""
    values = np.random.default_rng(4).normal(0.5, 0.1, 20)
    low, high = nested_bootstrap(
        values[:, None], lambda seed, count, _: np.full((count, 1), values[seed]), 4000, np.random.default_rng(5)
    )
    expected = stats.t.interval(0.95, df=19, loc=values.mean(), scale=stats.sem(values))
    assert high[0] - low[0] == pytest.approx(expected[1] - expected[0], rel=0.1)


def test_the_expansion_fades_with_the_number_of_seeds() -> None:
    """Known values: none for one seed (there is nothing to expand), sqrt(3/2) 4.303 / 1.960 for three."""
    assert expansion(1) == 1
    assert expansion(3) == pytest.approx(np.sqrt(1.5) * 4.3027 / 1.95996, rel=1e-4)
    assert expansion(1000) == pytest.approx(1, abs=0.01)


def test_every_resample_has_as_many_records() -> None:
    """Each row draws n of n records, each record once on average."""
    counts = resampled_counts(30, 2000, np.random.default_rng(0))
    assert (counts.sum(axis=1) == 30).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(30), abs=0.1)
    assert counts.var() == pytest.approx(1 - 1 / 30, abs=0.05)  # of a binomial


def test_resamples_are_cut_into_parts_that_add_up() -> None:
    """No resample is lost where they do not fit at once."""
    assert sum(chunks(1000, 3_000_000)) == 1000
    assert max(chunks(1000, 3_000_000)) == 1
    assert chunks(10, 5) == [10]
    assert chunks(0, 5) == []
