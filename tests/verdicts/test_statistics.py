"""Estimates over seeds: they cover the truth as often as they promise, pair what is paired, and keep to their range."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from verdict_records import cell_records

from privprune.metrics.intervals import Array, parts_of_means
from privprune.metrics.record_part import RecordPart
from privprune.verdicts.record_metrics import limits_of, maker_numbers
from privprune.verdicts.statistics import (
    EXACT,
    SEEDS_AND_RECORDS,
    SEEDS_ONLY,
    Estimate,
    Limits,
    SeedValues,
    combine,
    estimate_of,
    estimate_over_seeds,
    kendall,
    kendall_limits,
)

RECORDS = 60


def measured(per_record: Array, first: int = 0) -> SeedValues:
    """Return the means of [seeds, records] with their record part; the records' numbers begin with `first`."""
    records = np.arange(first, first + per_record.shape[1])
    parts = parts_of_means([values[:, None] for values in per_record], [records] * len(per_record))
    return SeedValues(dict(enumerate(per_record.mean(axis=1).tolist())), parts)


def covers(found: Estimate, truth: float) -> bool:
    """Whether the interval holds the truth."""
    assert found.low is not None
    assert found.high is not None
    return found.low <= truth <= found.high


@pytest.mark.parametrize(("seeds", "seeds_only"), [(3, 0.90), (10, 0.55)])
def test_single_values_cover_where_seeds_share_their_records(seeds: int, seeds_only: float) -> None:
    """Effects of records .9, own noise .44: at least 92 % of 400 intervals hold the truth, where t over seeds fails."""
    draw, held, alone = np.random.default_rng(seeds), [], []
    for _ in range(400):
        values = measured(draw.normal(0, 0.9, RECORDS) + draw.normal(0, 0.44, (seeds, RECORDS)))
        held.append(covers(estimate_of(values), 0.0))
        alone.append(covers(estimate_over_seeds(list(values.values())), 0.0))
    assert np.mean(held) >= 0.92
    assert np.mean(alone) < seeds_only


@pytest.mark.parametrize(("seeds", "seeds_only"), [(3, 0.90), (10, 0.55)])
def test_paired_differences_cover_where_seeds_share_their_records(seeds: int, seeds_only: float) -> None:
    """Two cells whose records differ by effects of .9 beside larger ones in common: at least 92 % of 400 intervals."""
    draw, held, alone = np.random.default_rng(seeds), [], []
    for _ in range(400):
        common, effect = draw.normal(0, 2.0, RECORDS), draw.normal(0, 0.9, RECORDS)
        pair = [draw.normal(0, 0.31, (seeds, RECORDS)) + common + part for part in (effect, 0 * effect)]
        difference = combine([measured(one) for one in pair], lambda row: row[0] - row[1])
        held.append(covers(estimate_of(difference), 0.0))
        alone.append(covers(estimate_over_seeds(list(difference.values())), 0.0))
    assert np.mean(held) >= 0.92
    assert np.mean(alone) < seeds_only


@pytest.mark.parametrize("seeds", [3, 10])
def test_seeds_with_own_records_have_the_t_interval(seeds: int) -> None:
    """Without shared records the intervals are neither too narrow nor, on average, a tenth wider than Student's t."""
    draw, held, widths = np.random.default_rng(seeds), [], []
    apart = [np.arange(RECORDS) + RECORDS * seed for seed in range(seeds)]
    for _ in range(300):
        own = [draw.normal(0, 1, (RECORDS, 1)) for _ in range(seeds)]
        values = SeedValues({seed: float(one.mean()) for seed, one in enumerate(own)}, parts_of_means(own, apart))
        found, student = estimate_of(values), estimate_over_seeds(list(values.values()))
        held.append(covers(found, 0.0))
        widths.append([(one.high or 0) - (one.low or 0) for one in (found, student)])
    assert np.mean(held) >= 0.92
    assert np.divide(*np.mean(widths, axis=0)) < 1.1


def test_equal_cells_do_not_differ() -> None:
    """A cell beside itself: a difference of zero, whose noise cancels draw by draw, and so no interval."""
    draw = np.random.default_rng(0)
    values = measured(draw.normal(0, 1, RECORDS) + draw.normal(0, 0.5, (4, RECORDS)))
    found = estimate_of(combine([values, values], lambda row: row[0] - row[1]))
    assert (found.mean, found.low, found.high, found.basis) == (0, None, None, SEEDS_AND_RECORDS)


def test_only_equal_draws_pair() -> None:
    """Noise that two cells have in common cancels if they were scored on the same records, and adds up otherwise."""
    draw = np.random.default_rng(1)
    common = draw.normal(0, 1, RECORDS)
    one, other = (common + draw.normal(0, 0.2, (5, RECORDS)) for _ in range(2))
    widths = []
    for first in (0, 1000):
        found = estimate_of(combine([measured(one), measured(other, first)], lambda row: row[0] - row[1]))
        widths.append((found.high or 0) - (found.low or 0))
    assert widths[1] > 3 * widths[0]


def test_seeds_in_other_halves_do_not_pair() -> None:
    """The halves of two cells are of the same seeds, whatever their order; else their draws count as different ones."""
    draw = np.random.default_rng(2)
    values = measured(draw.normal(0, 1, (4, RECORDS)))
    swapped = measured(draw.normal(0, 1, (4, RECORDS)))
    turned = SeedValues({seed: swapped[seed] for seed in (1, 0, 3, 2)}, swapped.parts)
    mixed = SeedValues({seed: swapped[seed] for seed in (0, 2, 1, 3)}, swapped.parts)
    for other, draws, halves in ((turned, 1, slice(None, None, -1)), (mixed, 2, slice(None))):
        found = combine([values, other], lambda row: row[0] - row[1])
        assert len(found.parts) == draws
        expected = -other.parts[0].halves[halves] + (values.parts[0].halves if draws == 1 else 0)
        assert found.parts[-1].halves == pytest.approx(expected, abs=1e-9)


def test_a_ratio_has_the_record_part_of_its_draws() -> None:
    """To first order: the part of a ratio is that of computing it on every draw of the records, to 5 %."""
    draw = np.random.default_rng(3)
    one, other = (3 + draw.normal(0, 0.5, RECORDS) + draw.normal(0, 0.1, (4, RECORDS)) for _ in range(2))
    found = combine([measured(one), measured(other)], lambda row: row[0] / row[1])
    halves = [
        (values.mean(axis=1)[half::2].mean() + values_part.halves[half])
        for values, values_part in ((one, measured(one).parts[0]), (other, measured(other).parts[0]))
        for half in (0, 1)
    ]
    exact = np.stack([halves[0] / halves[2], halves[1] / halves[3]])
    assert found.parts[0].halves.std(axis=1) == pytest.approx(exact.std(axis=1), rel=0.05)


@pytest.mark.parametrize("count", [2, 3, 10])
def test_interval_over_seeds_is_students(count: int) -> None:
    """Where nothing is known of the records, mean and interval agree with SciPy's Student distribution, and say so."""
    values = np.random.default_rng(count).normal(50, 2, count)
    low, high = stats.t.interval(0.95, count - 1, loc=values.mean(), scale=stats.sem(values))
    found = estimate_over_seeds(values.tolist())
    assert (found.mean, found.low, found.high) == pytest.approx((values.mean(), low, high))
    assert found.basis == SEEDS_ONLY


def test_intervals_stay_within_what_is_possible() -> None:
    """An accuracy ends at 0 and 100 percent, a rank correlation at -1 and 1, a ratio above zero."""
    assert estimate_over_seeds([99.0, 100.0], 0.0, 100.0).high == 100.0
    assert estimate_of({0: 0.1, 1: 3.0}, limits_of("test_accuracy")).low == 0.0
    correlation = estimate_of({0: 1.0, 1: 1.0, 2: 0.33}, kendall_limits(3))
    assert (correlation.low, correlation.high) == (pytest.approx(-0.185, abs=0.01), 1.0)
    ratio = estimate_of({0: 1.0, 1: 40.0}, limits_of("gan_over_decoder_train"))
    assert ratio.low is not None
    assert 0 < ratio.low < ratio.mean < (ratio.high or 0)


def test_a_ratio_close_to_its_mean_has_the_t_interval() -> None:
    """The interval of the logarithm is Student's to first order."""
    values = {0: 1.50, 1: 1.51, 2: 1.52}
    one, other = estimate_of(values, Limits(positive=True)), estimate_of(values)
    assert (one.low, one.high) == pytest.approx((other.low, other.high), rel=1e-3)


def test_a_ratio_turned_over_says_the_same() -> None:
    """Mean and interval of the ratios b / a are those of a / b, turned over."""
    values = {0: 0.5, 1: 1.3, 2: 3.9, 3: 0.8}
    one, other = (
        estimate_of(column, Limits(positive=True)) for column in (values, {seed: 1 / of for seed, of in values.items()})
    )
    assert one.mean * other.mean == pytest.approx(1.0)
    assert one.low is not None
    assert one.low * (other.high or 0) == pytest.approx(1.0)


def test_equal_sides_are_seldom_told_apart() -> None:
    """Where neither side is larger, ratios of five seeds lie above 1, and below it, in 2.5 % of cases."""
    drawn = np.exp(np.random.default_rng(6).normal(0, 0.6, (3000, 5)))
    found = [estimate_of(dict(enumerate(row.tolist())), Limits(positive=True)) for row in drawn]
    above = sum((one.low or 0) > 1 for one in found) / len(found)
    below = sum((one.high or 0) < 1 for one in found) / len(found)
    assert (above, below) == (pytest.approx(0.025, abs=0.008), pytest.approx(0.025, abs=0.008))  # of 4.3 and 2.0


def test_no_width_is_no_evidence() -> None:
    """Equal seeds have no interval, also where they differ by rounding; what is counted and not measured has one."""
    for values in ([0.5] * 3, [0.3, 0.1 + 0.2, 0.3]):
        found = estimate_over_seeds(values)
        assert (found.low, found.high) == (None, None)
    counted = estimate_of({0: 7.0, 1: 7.0}, limits_of("weights"))
    assert (counted.low, counted.high, counted.basis) == (7.0, 7.0, EXACT)


def test_equal_seeds_with_noisy_records_have_an_interval() -> None:
    """Two seeds that happen to agree are still scored on records drawn by chance."""
    noise = np.tile(np.random.default_rng(4).normal(0, 0.1, 200), (2, 1))
    found = estimate_of(SeedValues({0: 0.5, 1: 0.5}, [RecordPart("draws", 100, noise)]))
    assert found.low == pytest.approx(0.5 - 1.98 * noise[0].std(ddof=1), rel=0.01)


def test_statistics_in_steps_are_known_to_one_step() -> None:
    """Tau of 3 cells moves by 2/3 for each pair: three seeds at 1 have the interval of a uniform step."""
    found = estimate_of({0: 1.0, 1: 1.0, 2: 1.0}, kendall_limits(3))
    half = stats.t.ppf(0.975, 2) * (2 / 3) / math.sqrt(12) / math.sqrt(3)
    assert (found.low, found.high) == (pytest.approx(1 - half), 1.0)


def test_rank_correlation_is_kendalls() -> None:
    """Without ties the rank correlation is SciPy's Kendall tau; a tie counts as no agreement."""
    first, second = np.random.default_rng(0).normal(size=(2, 6))
    assert kendall(first.tolist(), second.tolist()) == pytest.approx(stats.kendalltau(first, second).statistic)
    assert kendall([1.0, 2.0, 3.0], [1.0, 1.0, 2.0]) == pytest.approx(2 / 3)


def test_a_record_without_parts_is_read() -> None:
    """Records made before have no parts: their intervals are of the seeds only, and say so."""
    (record,) = cell_records("old", test=[0.90, 0.91, 0.92])
    assert maker_numbers(record)["test_accuracy"].basis == SEEDS_AND_RECORDS
    old = maker_numbers(replace(record, record_parts={}))["test_accuracy"]
    assert old.basis == SEEDS_ONLY
    assert (old.low, old.high) == pytest.approx(stats.t.interval(0.95, 2, 91, stats.sem([90, 91, 92])))
