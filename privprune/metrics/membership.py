"""How well an attack infers membership: accuracies, AUC, TPR at low FPR, PPV, ROC, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from privprune.metrics.intervals import Array, Counts, Interval, basis_of, chunks, nested_bootstrap, resampled_counts

FPR_GRID: Array = np.logspace(-4, 0, 41)  # ten points per decade
PRIORS = {"ppv_at_1_percent_prior": 0.01, "ppv_at_10_percent_prior": 0.1, "ppv_at_50_percent_prior": 0.5}
LOW_FPR = {"tpr_at_1_percent_fpr": 0.01, "tpr_at_0.1_percent_fpr": 0.001}
METRICS = ("balanced_accuracy", "accuracy", "advantage", "auc", *LOW_FPR, *PRIORS)


@dataclass(frozen=True)
class Scores:
    """The scores that one attack gives to the evaluation records of one target model.

    Attributes:
        members: float64 [members]; the higher, the more likely a member.
        nonmembers: float64 [non-members].
        threshold: a record counts as a member where score >= threshold; set from what the attacker knows, never from
            these records.
        history: curves of the attack network's training, one number per epoch; empty for an attack without one.

    """

    members: Array
    nonmembers: Array
    threshold: float
    history: Mapping[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse scores for which no metric is defined.

        Raises:
            ValueError: empty, not a float64 vector, or NaN.

        """
        for name, scores in (("members", self.members), ("nonmembers", self.nonmembers)):
            if scores.ndim != 1 or scores.dtype != np.float64 or not len(scores) or np.isnan(scores).any():
                raise ValueError(f"scores of {name} must be a non-empty float64 vector without NaN")

    @cached_property
    def ranking(self) -> Ranking:
        """The records in the order of their scores, computed once."""
        return Ranking.of(self)


@dataclass(frozen=True)
class Ranking:
    """The distinct scores from high to low, V of them; the threshold after the first v accepts all records above it.

    Attributes:
        members_at: [V + 1], how many members are accepted for v = 0..V; ties are accepted together.
        nonmembers_at: [V + 1], the same for non-members.
        cut: the v of the attack's threshold.

    """

    members_at: Counts
    nonmembers_at: Counts
    cut: int

    @classmethod
    def of(cls, scores: Scores) -> Ranking:
        """Rank the scores."""
        distinct = np.unique(np.concatenate([scores.members, scores.nonmembers]))

        def accepted(part: Array) -> Counts:
            below = np.searchsorted(np.sort(part), distinct[::-1], side="left")
            return np.concatenate([[0], len(part) - below])

        cut = len(distinct) - int(np.searchsorted(distinct, scores.threshold, side="left"))
        return cls(accepted(scores.members), accepted(scores.nonmembers), cut)

    def as_they_are(self) -> Array:
        """Return all metrics on the records, without resampling: [metrics + grid], see `_measurements`."""
        row: Array = _measurements(self.members_at[None], self.nonmembers_at[None], self.cut)[0]
        return row

    def resampled(self, count: int, generator: np.random.Generator) -> Array:
        """Return all metrics of `count` resamples, drawn with replacement: [count, metrics + grid]."""
        rows = [np.empty((0, len(METRICS) + len(FPR_GRID)))]
        for part in chunks(count, len(self.members_at)):
            members = self._cumulated(self.members_at, part, generator)
            nonmembers = self._cumulated(self.nonmembers_at, part, generator)
            rows.append(_measurements(members, nonmembers, self.cut))
        return np.concatenate(rows)

    @staticmethod
    def _cumulated(accepted: Counts, count: int, generator: np.random.Generator) -> Counts:
        """Resample the records behind `accepted`: [count, V + 1], where a record counts as often as it was drawn."""
        drawn = np.zeros((count, accepted[-1] + 1), dtype=np.int64)
        np.cumsum(resampled_counts(int(accepted[-1]), count, generator), axis=1, out=drawn[:, 1:])
        return drawn[:, accepted]


def _measurements(true: Counts, false: Counts, cut: int) -> Array:
    """Return all metrics of R samples in the order of METRICS, then the ROC on FPR_GRID: [R, metrics + grid].

    Args:
        true: [R, V + 1], accepted members for v = 0..V.
        false: [R, V + 1], accepted non-members.
        cut: the v of the attack's threshold.

    """
    members, nonmembers = true[0, -1], false[0, -1]  # resampling keeps both numbers
    tpr, fpr = true[:, cut] / members, false[:, cut] / nonmembers
    accuracy = (true[:, cut] + nonmembers - false[:, cut]) / (members + nonmembers)
    steps = np.diff(false, axis=1)
    area = np.einsum("rv,rv->r", steps, true[:, 1:] + true[:, :-1]) / (2 * members * nonmembers)  # ties count half
    low = tpr_at_fpr(true, false, np.array([*LOW_FPR.values(), *FPR_GRID]))
    precision = [_ppv(tpr, fpr, prior) for prior in PRIORS.values()]
    columns = [(1 + tpr - fpr) / 2, accuracy, tpr - fpr, area, *low[:, : len(LOW_FPR)].T, *precision]
    return np.column_stack([*columns, low[:, len(LOW_FPR) :]])


def tpr_at_fpr(true: Counts, false: Counts, fpr: Array) -> Array:
    """Return the largest true positive rate of all thresholds whose false positive rate is at most a given one.

    Args:
        true: [R, V + 1], accepted members for v = 0..V, as in `Ranking`; one row for each resampled set of records.
        false: [R, V + 1], accepted non-members.
        fpr: [F]; below 1 / non-members only thresholds that accept no non-member count.

    Returns:
        [R, F].

    """
    allowed = np.floor(fpr * false[0, -1] + 1e-9)  # 0.001 of 3000 records is 3, not 2.9999
    last = np.stack([np.searchsorted(row, allowed, side="right") - 1 for row in false])
    reached: Array = np.take_along_axis(true, last, axis=1) / true[0, -1]
    return reached


def _ppv(tpr: Array, fpr: Array, prior: float) -> Array:
    """Return the positive predictive value where a share `prior` of all records are members.

    Where no record is accepted, it is the prior.
    """
    right, wrong = prior * tpr, (1 - prior) * fpr
    accepted = right + wrong
    return np.where(accepted > 0, right / np.where(accepted > 0, accepted, 1), prior)


def point(scores: Scores) -> dict[str, float]:
    """Return all METRICS of one seed, without intervals."""
    return dict(zip(METRICS, scores.ranking.as_they_are()[: len(METRICS)].tolist(), strict=True))


@dataclass(frozen=True)
class Measured:
    """Metrics and ROC of one attack over all seeds, with 95 % intervals.

    Attributes:
        metrics: each of METRICS.
        roc: fpr, tpr (mean over seeds at that FPR, strict convention), low, high; each [grid].
        history: curve -> epochs x seeds.
        records: number of evaluated members and non-members, of the seed with the fewest.

    """

    metrics: dict[str, Interval]
    roc: dict[str, list[float]]
    history: dict[str, list[list[float]]]
    records: dict[str, int]

    def as_record(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        metrics = {name: interval.as_record() for name, interval in self.metrics.items()}
        return {"metrics": metrics, "roc": self.roc, "history": self.history, "records": self.records}


def measure(seeds: Sequence[Scores], resamples: int, generator: np.random.Generator) -> Measured:
    """Measure one attack on several targets that differ in their seed.

    Args:
        seeds: the attack's scores, one per target.
        resamples: of the bootstrap over records nested in seeds (`intervals.nested_bootstrap`).
        generator: source of the bootstrap's draws.

    """
    points = np.stack([scores.ranking.as_they_are() for scores in seeds])
    ends = nested_bootstrap(points, lambda seed, *more: seeds[seed].ranking.resampled(*more), resamples, generator)
    lowest = np.array([-1.0 if name == "advantage" else 0.0 for name in METRICS] + [0.0] * len(FPR_GRID))
    low, high = (np.clip(end, lowest, 1) for end in ends)
    metrics = {
        name: Interval(tuple(points[:, at].tolist()), float(low[at]), float(high[at]), basis_of(len(seeds)))
        for at, name in enumerate(METRICS)
    }
    curve = slice(len(METRICS), None)
    parts = (FPR_GRID, points.mean(axis=0)[curve], low[curve], high[curve])
    roc = dict(zip(("fpr", "tpr", "low", "high"), (part.tolist() for part in parts), strict=True))
    return Measured(metrics, roc, _histories(seeds), _sizes(seeds))


def _histories(seeds: Sequence[Scores]) -> dict[str, list[list[float]]]:
    """Curve -> epochs x seeds."""
    return {
        name: [list(epoch) for epoch in zip(*(scores.history[name] for scores in seeds), strict=True)]
        for name in seeds[0].history
    }


def _sizes(seeds: Sequence[Scores]) -> dict[str, int]:
    return {
        "members": min(len(scores.members) for scores in seeds),
        "nonmembers": min(len(scores.nonmembers) for scores in seeds),
    }


def gain(members: Array, nonmembers: Array) -> float:
    """Return the empirical gain G of an inference model f_A (MIA-Pruning eq. 1 and 8).

    G = mean of log f_A over members + mean of log(1 - f_A) over non-members. Eq. 1 prints the members'
    distribution twice; eq. 8 and the text show that the second expectation is over non-members. An attacker that
    answers 1/2 to everything has -log 4 = -1.386, so the best attacker has at least that.

    Args:
        members: log-odds of f_A, the scores of an attack network, [members].
        nonmembers: the same, [non-members].

    """
    return -float(np.logaddexp(0, -members).mean() + np.logaddexp(0, nonmembers).mean())


def gain_error(members: Array, nonmembers: Array) -> float:
    """Return the standard error of `gain` over its records, which are drawn independently of each other.

    Args:
        members: log-odds, [members], at least two.
        nonmembers: the same, [non-members].

    """
    parts = (np.logaddexp(0, -members), np.logaddexp(0, nonmembers))
    return float(np.sqrt(sum(part.var(ddof=1) / len(part) for part in parts)))


def always_member_accuracy(odds: float) -> float:
    """Return the accuracy of calling every record a member, at `odds` members per non-member: 2/3 at odds of 2."""
    return odds / (1 + odds)
