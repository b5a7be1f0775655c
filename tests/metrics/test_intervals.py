"""Intervals contain the true mean as often as they promise, in simulations where it is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from privprune.metrics.intervals import bootstrap, bootstrap_of_means, expansion
from privprune.metrics.record_draws import RecordDraws


@pytest.mark.parametrize(
    ("seeds", "spread", "most"),
    [(1, 0.0, 0.99), (3, 0.0, 1.0), (3, 3.0, 0.99), (5, 1.0, 1.0), (5, 3.0, 0.99)],
)
def test_the_nested_bootstrap_covers(seeds: int, spread: float, most: float) -> None:
    """Seeds with own records: at least 91 % of 250 intervals contain the true mean (95 % less 3 standard errors).

    `spread` is that of the seeds over that of a seed's mean on its 50 records.
    """
    generator, covered = np.random.default_rng(seeds), []
    for _ in range(250):
        centres = generator.normal(2.0, spread / np.sqrt(50), seeds)
        found = bootstrap_of_means([generator.normal(centre, 1.0, 50) for centre in centres], 200, generator)
        covered.append(found.low <= 2.0 <= found.high)
    assert 0.91 <= np.mean(covered) <= most


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_the_crossed_bootstrap_covers_where_records_are_shared(seeds: int) -> None:
    """Seeds on the same records, whose effects are most of the noise: 92 % where drawing anew has 91, 74 and 54 %."""
    generator, crossed, nested = np.random.default_rng(seeds), [], []
    for _ in range(300):
        shared = generator.normal(0.0, 0.9, 60)
        per_record = [shared + generator.normal(0.0, 0.44, 60) for _ in range(seeds)]
        for held, records in ((crossed, [np.arange(60)] * seeds), (nested, None)):
            found = bootstrap_of_means(per_record, 200, generator, records)
            held.append(found.low <= 0 <= found.high)
    assert np.mean(crossed) >= 0.92
    assert np.mean(nested) < {3: 0.95, 5: 0.85, 10: 0.70}[seeds]  # else this simulation would show nothing


def test_one_seed_draws_from_its_records_only() -> None:
    """With one seed the interval is that of the mean of its records, and says so."""
    values = np.random.default_rng(0).normal(5, 2, 400)
    found = bootstrap_of_means([values], 4000, np.random.default_rng(1))
    half = 1.96 * values.std() / 20
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.03)
    assert (found.seeds, found.basis) == (1, "records")
    assert found.as_record()["values"] == [pytest.approx(values.mean())]
    assert "record_part" not in found.as_record()


def test_several_seeds_say_so_and_widen_the_interval() -> None:
    """Seeds that differ widen the interval beyond what their records explain."""
    draw = np.random.default_rng(2)
    alike = [draw.normal(0, 1, 200) for _ in range(4)]
    apart = [values + shift for values, shift in zip(alike, (-2, -1, 1, 2), strict=True)]
    widths = []
    for values in (alike, apart):
        found = bootstrap_of_means(values, 500, np.random.default_rng(3))
        assert (found.seeds, found.basis) == (4, "records in seeds")
        widths.append(found.high - found.low)
    assert widths[1] > 5 * widths[0]


def test_seeds_without_spread_in_records_give_the_t_interval() -> None:
    """Where records do not vary, resampled seeds, expanded, are as wide as their t interval (to 10 %, 20 seeds)."""
    values = np.random.default_rng(4).normal(0.5, 0.1, 20)
    draws = RecordDraws.of([(np.arange(5),)] * 20)
    found = bootstrap(
        values[:, None],
        lambda counts: np.broadcast_to(values[:, None, None], (20, len(counts), 1)),
        draws,
        4000,
        np.random.default_rng(5),
    )
    expected = stats.t.interval(0.95, df=19, loc=values.mean(), scale=stats.sem(values))
    assert found.high[0] - found.low[0] == pytest.approx(expected[1] - expected[0], rel=0.1)


def test_the_expansion_fades_with_the_number_of_seeds() -> None:
    """Known values: none for one seed (there is nothing to expand), sqrt(3/2) 4.303 / 1.960 for three."""
    assert expansion(1) == 1
    assert expansion(3) == pytest.approx(np.sqrt(1.5) * 4.3027 / 1.95996, rel=1e-4)
    assert expansion(1000) == pytest.approx(1, abs=0.01)


def test_shared_records_are_said_and_their_order_does_not_matter() -> None:
    """Seeds that score the same records in another order are drawn together: the interval is the same."""
    draw = np.random.default_rng(7)
    values, order = [draw.normal(0, 1, 40) for _ in range(3)], draw.permutation(40)
    ids = np.arange(40)
    one = bootstrap_of_means(values, 100, np.random.default_rng(0), [ids, ids, ids])
    other = bootstrap_of_means(
        [values[0], values[1][order], values[2]], 100, np.random.default_rng(0), [ids, order, ids]
    )
    assert one.basis == other.basis == "seeds and shared records"
    assert (one.low, one.high) == pytest.approx((other.low, other.high))
