"""How well an attack infers membership: accuracies, AUC, TPR at low FPR, PPV, ROC, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privprune.metrics.intervals import Array, Interval, bootstrap
from privprune.metrics.record_draws import Counts, RecordDraws, Records

FPR_GRID: Array = np.logspace(-4, 0, 41)  # ten points per decade
PRIORS = {"ppv_at_1_percent_prior": 0.01, "ppv_at_10_percent_prior": 0.1, "ppv_at_50_percent_prior": 0.5}
LOW_FPR = {"tpr_at_1_percent_fpr": 0.01, "tpr_at_0.1_percent_fpr": 0.001}
# Of the loss attack, an estimate of LiRA's power without shadow models, see `Ranking.tnr_at_fnr`.
LOW_FNR = {"tnr_at_1_percent_fnr": 0.01, "tnr_at_0.1_percent_fnr": 0.001}
METRICS = ("balanced_accuracy", "accuracy", "advantage", "auc", *LOW_FPR, *PRIORS, *LOW_FNR)
COMPARED = ("balanced_accuracy", "auc", *LOW_FPR)  # what claims compare between cells: their record parts are stored


@dataclass(frozen=True)
class Scores:
    """The scores that one attack gives to the evaluation records of one target model.

    Attributes:
        members: float64 [members]; the higher, the more likely a member.
        nonmembers: float64 [non-members].
        threshold: a record counts as a member where score >= threshold; set from what the attacker knows, never from
            these records.
        history: curves of the attack network's training, one number per epoch; empty for an attack without one.
        records: which records were scored, positions in the dataset: int64 [members] and [non-members]; None where
            that is not known.

    """

    members: Array
    nonmembers: Array
    threshold: float
    history: Mapping[str, list[float]] = field(default_factory=dict)
    records: tuple[Records, Records] | None = None

    def __post_init__(self) -> None:
        """Refuse scores for which no metric is defined.

        Raises:
            ValueError: empty, not a float64 vector, or NaN.

        """
        for name, scores in (("members", self.members), ("nonmembers", self.nonmembers)):
            if scores.ndim != 1 or scores.dtype != np.float64 or not len(scores) or np.isnan(scores).any():
                raise ValueError(f"scores of {name} must be a non-empty float64 vector without NaN")
        if self.records is not None and tuple(map(len, self.records)) != (len(self.members), len(self.nonmembers)):
            raise ValueError("scores: as many records as scores are needed")

    @cached_property
    def ranking(self) -> Ranking:
        """The records in the order of their scores, computed once."""
        return Ranking.of(self)


@dataclass(frozen=True)
class Ranking:
    """The records in the order of their scores, and the V distinct scores, of which the first v accept their records.

    Attributes:
        members: the members from the highest score to the lowest, int64 [members].
        nonmembers: the same for non-members.
        members_at: [V + 1], how many members are accepted for v = 0..V; ties are accepted together.
        nonmembers_at: [V + 1], the same for non-members.
        above: for each non-member in this order, how many members have a higher score, int64 [non-members].
        level: the same for a score at least as high.
        cut: the v of the attack's threshold.

    """

    members: Records
    nonmembers: Records
    members_at: Records
    nonmembers_at: Records
    above: Records
    level: Records
    cut: int

    @classmethod
    def of(cls, scores: Scores) -> Ranking:
        """Rank the scores."""
        first, second = (np.argsort(-part, kind="stable") for part in (scores.members, scores.nonmembers))
        members, nonmembers = scores.members[first], scores.nonmembers[second]
        distinct = np.unique(np.concatenate([members, nonmembers]))[::-1]
        return cls(
            members=first,
            nonmembers=second,
            members_at=np.concatenate([[0], _at_least(distinct, members)]),
            nonmembers_at=np.concatenate([[0], _at_least(distinct, nonmembers)]),
            above=len(members) - np.searchsorted(members[::-1], nonmembers, side="right"),
            level=_at_least(nonmembers, members),
            cut=int(_at_least(np.array([scores.threshold]), distinct)[0]),
        )

    def as_they_are(self) -> Array:
        """Return all metrics on the records, without resampling: [metrics + grid], see `_measurements`."""
        row: Array = self._measurements(*(np.arange(len(part) + 1)[None] for part in (self.members, self.nonmembers)))[
            0
        ]
        return row

    def resampled(self, counts: Counts, members: Records, nonmembers: Records) -> Array:
        """Return all metrics of R resamples, [R, metrics + grid], in which records count as often as they were drawn.

        Args:
            counts: [R, records], how often each of all records was drawn.
            members: [members], the place of each among all records, in the order of `Scores.members`.
            nonmembers: [non-members], the same.

        """
        return self._measurements(
            _cumulated(counts, members[self.members]), _cumulated(counts, nonmembers[self.nonmembers])
        )

    def _measurements(self, true: NDArray[Any], false: NDArray[Any]) -> Array:
        """Return all metrics of R samples in the order of METRICS, then the ROC on FPR_GRID: [R, metrics + grid].

        Args:
            true: int [R, members + 1], how many members are drawn among the first in order.
            false: int [R, non-members + 1], the same for non-members.

        """
        members, nonmembers = (_drawn(part).astype(np.float64) for part in (true, false))
        right, wrong = true[:, self.members_at[self.cut]], false[:, self.nonmembers_at[self.cut]]
        tpr, fpr = right / members, wrong / nonmembers
        accuracy = (right + nonmembers - wrong) / (members + nonmembers)
        low = self.tpr_at_fpr(np.array([*LOW_FPR.values(), *FPR_GRID]), true, false)
        precision = [_ppv(tpr, fpr, prior) for prior in PRIORS.values()]
        area = self._area(true, false) / (members * nonmembers)
        columns = [(1 + tpr - fpr) / 2, accuracy, tpr - fpr, area, *low[:, : len(LOW_FPR)].T, *precision]
        columns += list(self.tnr_at_fnr(np.array(list(LOW_FNR.values())), true, false).T)
        return np.column_stack([*columns, low[:, len(LOW_FPR) :]])

    def _area(self, true: NDArray[Any], false: NDArray[Any]) -> Array:
        """Return how many pairs are in order, [R], ties counted half: the area under the ROC times all pairs."""
        drawn, above = np.diff(false, axis=1), true.take(self.above, axis=1)
        level = above if np.array_equal(self.above, self.level) else true.take(self.level, axis=1)
        return np.asarray(np.einsum("rn,rn->r", drawn, above + level, dtype=np.int64) / 2)

    def tpr_at_fpr(self, fpr: Array, true: NDArray[Any] | None = None, false: NDArray[Any] | None = None) -> Array:
        """Return the largest true positive rate of all thresholds whose false positive rate is at most a given one.

        Args:
            fpr: [F]; below 1 / non-members only thresholds that accept no non-member count.
            true: as for `_measurements`; None for the records as they are.
            false: the same.

        Returns:
            [R, F].

        """
        true = np.arange(len(self.members) + 1)[None] if true is None else true
        false = np.arange(len(self.nonmembers) + 1)[None] if false is None else false
        allowed = np.floor(fpr * false[:, -1:] + 1e-9).astype(false.dtype)  # 0.001 of 3000 records is 3, not 2.9999
        most = [np.searchsorted(row, one, side="right") - 1 for row, one in zip(false, allowed, strict=True)]
        last = np.searchsorted(self.nonmembers_at, np.stack(most), side="right") - 1  # ties are accepted together
        reached: Array = np.take_along_axis(true, self.members_at[last], axis=1) / _drawn(true)[:, None]
        return reached

    def tnr_at_fnr(self, fnr: Array, true: NDArray[Any] | None = None, false: NDArray[Any] | None = None) -> Array:
        """Return the largest true negative rate of all thresholds whose false negative rate is at most a given one.

        The records that LiRA finds at a low false positive rate are mostly those that training has moved out of the
        tail of high losses. So the share of non-members with a higher loss than (nearly) every member predicts LiRA's
        true positive rate (Dodd, Krco, Shilov and de Montjoye 2025, arXiv 2510.19773: LOSS TNR at a low FNR, of which
        only abstract, introduction and reviews were at hand). It orders networks by their risk; the linear function
        from it to LiRA's own rate, which the paper fits, is not applied.

        Args:
            fnr: [F]; below 1 / members only thresholds that refuse no member count.
            true: as for `_measurements`; None for the records as they are.
            false: the same.

        Returns:
            [R, F].

        """
        true = np.arange(len(self.members) + 1)[None] if true is None else true
        false = np.arange(len(self.nonmembers) + 1)[None] if false is None else false
        needed = true[:, -1:] - np.floor(fnr * true[:, -1:] + 1e-9)  # 0.001 of 3000 records is 3, not 2.9999
        fewest = [np.searchsorted(row, one, side="left") for row, one in zip(true, needed, strict=True)]
        first = np.searchsorted(self.members_at, np.stack(fewest), side="left")  # ties are accepted together
        accepted: Array = np.take_along_axis(false, self.nonmembers_at[first], axis=1) / _drawn(false)[:, None]
        return 1 - accepted


def _at_least(wanted: Array, descending: Array) -> Records:
    """Count for each wanted score how many of some descending scores are at least as high."""
    return len(descending) - np.searchsorted(descending[::-1], wanted, side="left")


def _cumulated(counts: Counts, places: Records) -> Counts:
    """Count the draws of the first records of an order, [R, records + 1]; `places` is theirs in `counts`."""
    summed = np.zeros((len(counts), len(places) + 1), dtype=counts.dtype)
    np.cumsum(counts.take(places, axis=1), axis=1, dtype=counts.dtype, out=summed[:, 1:])
    return summed


def _drawn(cumulated: NDArray[Any]) -> NDArray[Any]:
    """Return how many records were drawn, [R], at least one: by chance, none of a few may be drawn."""
    drawn: NDArray[Any] = np.maximum(cumulated[:, -1], 1)
    return drawn


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
        resamples: of the bootstrap (`intervals.bootstrap`), which draws a record that several targets are scored on
            once for all of them, where all scores say which records they are of.
        generator: source of the bootstrap's draws, but for those of known records.

    """
    points = np.stack([scores.ranking.as_they_are() for scores in seeds])
    known = [scores.records for scores in seeds if scores.records is not None]
    if len(known) == len(seeds):
        draws = RecordDraws.of(known)
    else:
        draws = RecordDraws.apart([(scores.members, scores.nonmembers) for scores in seeds], generator)

    def resampled(counts: Counts) -> Array:
        ranked = zip(seeds, draws.columns, strict=True)
        return np.stack([scores.ranking.resampled(counts, *columns) for scores, columns in ranked])

    found = bootstrap(points, resampled, draws, resamples, generator)
    metrics = {
        name: found.interval(at, part=name in COMPARED).within(-1.0 if name == "advantage" else 0.0, 1.0)
        for at, name in enumerate(METRICS)
    }
    curve = slice(len(METRICS), None)
    parts = (FPR_GRID, points.mean(axis=0)[curve], found.low[curve].clip(0, 1), found.high[curve].clip(0, 1))
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
