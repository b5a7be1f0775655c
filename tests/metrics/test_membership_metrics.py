"""Membership metrics: answers known by hand, scikit-learn as oracle, intervals that cover."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, balanced_accuracy_score, precision_score, roc_auc_score, roc_curve

from privprune.metrics.intervals import Array
from privprune.metrics.membership import (
    COMPARED,
    FPR_GRID,
    METRICS,
    Scores,
    always_member_accuracy,
    gain,
    measure,
    point,
)


def vector(*values: float) -> Array:
    """Write scores down."""
    return np.array(values, dtype=np.float64)


def drawn(members: int, nonmembers: int, shift: float, seed: int, *, ties: bool = False) -> Scores:
    """Draw normal scores, members higher by `shift`; rounded to tenths where ties are wanted."""
    draw = np.random.default_rng(seed)
    parts = [draw.normal(shift, 1, members), draw.normal(0, 1, nonmembers)]
    parts = [np.round(part, 1) if ties else part for part in parts]
    return Scores(parts[0], parts[1], threshold=shift / 2)


def largest_tpr(scores: Scores, fpr: float) -> float:
    """Return the largest TPR at one FPR."""
    return float(scores.ranking.tpr_at_fpr(np.array([fpr]))[0, 0])


def pooled(scores: Scores) -> tuple[Array, Array]:
    """Truth and scores as scikit-learn takes them."""
    truth = np.concatenate([np.ones(len(scores.members)), np.zeros(len(scores.nonmembers))])
    return truth, np.concatenate([scores.members, scores.nonmembers])


def test_known_answers_by_hand() -> None:
    """Members 4 3 3 1, non-members 3 2 0 0: 13 of 16 pairs are in order, ties counted half."""
    found = point(Scores(vector(4, 3, 3, 1), vector(3, 2, 0, 0), threshold=3.0))
    assert found["auc"] == pytest.approx(13 / 16)
    assert found["balanced_accuracy"] == pytest.approx((3 / 4 + 3 / 4) / 2)  # a score at the threshold is a member
    assert found["accuracy"] == pytest.approx(6 / 8)
    assert found["advantage"] == pytest.approx(3 / 4 - 1 / 4)
    assert found["tpr_at_1_percent_fpr"] == 1 / 4  # only the member at 4 lies above every non-member
    assert found["ppv_at_10_percent_prior"] == pytest.approx(0.1 * 0.75 / (0.1 * 0.75 + 0.9 * 0.25))


def test_tpr_at_low_fpr_is_strict_and_keeps_ties_together() -> None:
    """At most alpha of the non-members are accepted, and all records of one score or none."""
    scores = Scores(vector(9, 8, 7, 6), vector(8, 7, 7, 1), threshold=0)
    assert largest_tpr(scores, 0.0) == 1 / 4
    assert largest_tpr(scores, 0.24) == 1 / 4
    assert largest_tpr(scores, 0.25) == 2 / 4
    assert largest_tpr(scores, 0.74) == 2 / 4  # 7 would bring two non-members at once
    assert largest_tpr(scores, 0.75) == 4 / 4


def test_a_share_of_records_is_counted_as_written() -> None:
    """0.29 x 100 is below 29 in binary; 29 false positives are allowed all the same, and 30 are not."""
    nonmembers = np.arange(100, dtype=np.float64)
    assert largest_tpr(Scores(vector(70.5, 69.5), nonmembers, 0), 0.29) == 1 / 2


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_scikit_learn_agrees(seed: int, *, ties: bool) -> None:
    """AUC, accuracies, PPV at the records' own ratio and TPR at low FPR are scikit-learn's."""
    scores = drawn(170, 230, 0.8, seed, ties=ties)
    truth, values = pooled(scores)
    found = point(scores)
    assert found["auc"] == pytest.approx(roc_auc_score(truth, values))
    assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(truth, values >= scores.threshold))
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, values >= scores.threshold))
    even = Scores(scores.members, scores.nonmembers[:170], scores.threshold)
    truth, values = pooled(even)
    assert point(even)["ppv_at_50_percent_prior"] == pytest.approx(precision_score(truth, values >= even.threshold))
    fpr, tpr, _ = roc_curve(truth, values)
    for alpha in (0.01, 0.05, 0.3):
        assert largest_tpr(even, alpha) == pytest.approx(tpr[fpr <= alpha].max())


def test_extremes() -> None:
    """A perfect attack has 1 everywhere, its inverse 0, a constant one one half; nobody accused leaves the prior."""
    high, low = vector(2, 3), vector(0, 1)
    assert set(point(Scores(high, low, 1.5)).values()) == {1.0}
    inverse = point(Scores(low, high, 1.5))
    assert (inverse["auc"], inverse["balanced_accuracy"], inverse["advantage"]) == (0, 0, -1)
    constant = point(Scores(vector(1, 1), vector(1, 1), 1))
    assert (constant["auc"], constant["balanced_accuracy"], constant["tpr_at_1_percent_fpr"]) == (0.5, 0.5, 0)
    nobody = point(Scores(high, low, math.inf))
    assert (nobody["balanced_accuracy"], nobody["ppv_at_1_percent_prior"]) == (0.5, 0.01)


def test_metrics_depend_on_the_order_of_scores_alone() -> None:
    """A monotone map of scores and threshold changes nothing, nor does the order of the records."""
    scores = drawn(60, 50, 1.0, 0)
    mapped = Scores(np.exp(scores.members)[::-1].copy(), np.exp(scores.nonmembers), math.exp(scores.threshold))
    assert point(mapped) == pytest.approx(point(scores), abs=1e-12)


@pytest.mark.parametrize("wrong", [vector(), vector(1, math.nan), np.ones((2, 2)), np.ones(2, dtype=np.float32)])
def test_scores_that_no_metric_is_defined_for_are_refused(wrong: Array) -> None:
    """Empty, not a number, of two dimensions, or already rounded to float32."""
    with pytest.raises(ValueError, match="scores of nonmembers"):
        Scores(vector(1), wrong, 0)


@pytest.mark.parametrize("ties", [False, True])
def test_resampled_metrics_equal_the_metrics_of_the_resampled_records(*, ties: bool) -> None:
    """Counts of ranked records are a shortcut for drawing records: the same draws give the same metrics."""
    scores = drawn(40, 30, 1.0, 3, ties=ties)
    draw = np.random.default_rng(9)
    picks = [draw.integers(size, size=(25, size)) for size in (40, 30)]
    counts = [
        np.stack([np.bincount(row, minlength=size) for row in pick]) for pick, size in zip(picks, (40, 30), strict=True)
    ]
    places = np.arange(40), np.arange(40, 70)
    fast = scores.ranking.resampled(np.concatenate(counts, axis=1).astype(np.int32), *places)
    for row in range(25):
        slow = Scores(scores.members[picks[0][row]], scores.nonmembers[picks[1][row]], scores.threshold)
        assert fast[row, : len(METRICS)].tolist() == pytest.approx(list(point(slow).values()))
        assert fast[row, len(METRICS) :].tolist() == pytest.approx([largest_tpr(slow, fpr) for fpr in FPR_GRID])


@pytest.mark.parametrize(("seeds", "spread"), [(1, 0.0), (3, 0.5)])
def test_intervals_of_auc_and_accuracy_cover(seeds: int, spread: float) -> None:
    """At least 91 % of 200 intervals hold the truth, which is known for normal scores."""
    draw, held = np.random.default_rng(seeds), []
    wide = np.sqrt(1 + spread**2)
    truth = {
        "auc": stats.norm.cdf(1 / np.sqrt(2 + spread**2)),
        "balanced_accuracy": (stats.norm.cdf(0.5 / wide) + stats.norm.cdf(0.5)) / 2,
    }
    for _ in range(200):
        shifts = draw.normal(1.0, spread, seeds)
        scores = [Scores(draw.normal(shift, 1, 80), draw.normal(0, 1, 80), 0.5) for shift in shifts]
        found = measure(scores, 200, draw).metrics
        held.append([found[name].low <= value <= found[name].high for name, value in truth.items()])
    assert (np.mean(held, axis=0) >= 0.91).all()


def test_intervals_cover_where_all_seeds_score_the_same_records() -> None:
    """Ten seeds on the same 60 + 60 records whose effects are shared: at least 92 % of 100 intervals hold the truth."""
    draw, held = np.random.default_rng(5), []
    records, truth = (np.arange(60), np.arange(60, 120)), stats.norm.cdf(1 / np.sqrt(2))
    for _ in range(100):
        shared = draw.normal(0, 0.9, 120)
        own = [shared + draw.normal(0, np.sqrt(1 - 0.81), 120) for _ in range(10)]
        found = measure([Scores(1 + one[:60], one[60:], 0.5, records=records) for one in own], 100, draw).metrics["auc"]
        assert found.basis == "seeds and shared records"
        held.append(found.low <= truth <= found.high)
    assert np.mean(held) >= 0.92


def test_records_of_scores_are_as_many_as_the_scores() -> None:
    """A score without a record, or the reverse, is refused."""
    with pytest.raises(ValueError, match="as many records as scores"):
        Scores(vector(1, 2), vector(1), 0, records=(np.arange(2), np.arange(2)))


def test_only_what_claims_compare_has_a_record_part() -> None:
    """Balanced accuracy, AUC and the rates at a low false-positive rate, where the records are known."""
    known = [replace(drawn(50, 40, 1, seed), records=(np.arange(50), np.arange(50, 90))) for seed in range(2)]
    found = measure(known, 50, np.random.default_rng(0)).as_record()["metrics"]
    assert {name for name, one in found.items() if "record_part" in one} == set(COMPARED)
    assert len({one["record_part"]["draws"] for one in found.values() if "record_part" in one}) == 1


def test_what_is_measured_over_seeds() -> None:
    """Values per seed, their mean inside the interval, curves by epoch and seed, the ROC rising, all of it JSON."""
    histories = [{"accuracy": [0.5, 0.6, 0.7]}, {"accuracy": [0.4, 0.5, 0.6]}]
    seeds = [
        Scores(one.members, one.nonmembers, one.threshold, history)
        for one, history in zip((drawn(200, 150, 1, 0), drawn(190, 160, 1, 1)), histories, strict=True)
    ]
    found = measure(seeds, 200, np.random.default_rng(0)).as_record()
    assert set(found["metrics"]) == set(METRICS)
    for name, metric in found["metrics"].items():
        assert metric["values"] == pytest.approx([point(one)[name] for one in seeds])
        assert metric["low"] <= metric["mean"] <= metric["high"]
        assert metric["seeds"] == 2
    assert found["history"] == {"accuracy": [[0.5, 0.4], [0.6, 0.5], [0.7, 0.6]]}
    assert found["records"] == {"members": 190, "nonmembers": 150}
    curve = found["roc"]
    assert curve["tpr"] == pytest.approx([np.mean([largest_tpr(one, fpr) for one in seeds]) for fpr in curve["fpr"]])
    assert (np.diff(curve["tpr"]) >= 0).all()
    assert curve["tpr"][-1] == curve["low"][-1] == 1
    assert (np.array(curve["low"]) <= curve["high"]).all()
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_bootstrap_is_as_random_as_its_generator() -> None:
    """The same generator gives the same intervals."""
    seeds = [drawn(50, 50, 1, seed) for seed in range(3)]
    records = [measure(seeds, 100, np.random.default_rng(state)).as_record() for state in (1, 1, 2)]
    assert records[0] == records[1]
    assert records[0] != records[2]


def test_calling_everybody_a_member_pays_with_the_base_rate() -> None:
    """Half at 1:1, 66.67 % at 2:1, 83.33 % at 5:1."""
    assert [always_member_accuracy(odds) for odds in (1, 2, 5)] == pytest.approx([1 / 2, 2 / 3, 5 / 6])


def test_the_gain_by_hand() -> None:
    """Eq. 1 and 8: undecided gives -log 4, sure and right 0, one known pair of probabilities."""
    assert gain(vector(0, 0), vector(0)) == pytest.approx(-math.log(4))
    assert gain(vector(800), vector(-800)) == pytest.approx(0)
    odds = [math.log(p / (1 - p)) for p in (0.9, 0.6, 0.2)]
    expected = (math.log(0.9) + math.log(0.6)) / 2 + math.log(1 - 0.2)
    assert gain(vector(odds[0], odds[1]), vector(odds[2])) == pytest.approx(expected)


def test_the_optimal_attackers_gain_is_the_divergence() -> None:
    """G of p / (p + p') is -log 4 + 2 JS(p, p') (MIA-Pruning, section 4.2), here for two discrete distributions."""
    p, q = np.array([0.7, 0.2, 0.1]), np.array([0.2, 0.3, 0.5])
    counts = [np.repeat(np.log(p / q), (1000 * part).round().astype(int)) for part in (p, q)]
    middle = (p + q) / 2
    divergence = (stats.entropy(p, middle) + stats.entropy(q, middle)) / 2
    assert gain(counts[0], counts[1]) == pytest.approx(-math.log(4) + 2 * divergence)
