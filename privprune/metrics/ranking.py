"""The order of records by their scores, and everything that follows from it: accuracies, AUC, rates, the ROC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privprune.metrics.intervals import Array
from privprune.metrics.record_draws import Counts, Records

FPR_GRID: Array = np.logspace(-4, 0, 41)  # ten points per decade
PRIORS = {"ppv_at_1_percent_prior": 0.01, "ppv_at_10_percent_prior": 0.1, "ppv_at_50_percent_prior": 0.5}
LOW_FPR = {"tpr_at_1_percent_fpr": 0.01, "tpr_at_0.1_percent_fpr": 0.001}
# Of the loss attack, an estimate of LiRA's power without shadow models, see `Ranking.tnr_at_fnr`.
LOW_FNR = {"tnr_at_1_percent_fnr": 0.01, "tnr_at_0.1_percent_fnr": 0.001}
METRICS = ("balanced_accuracy", "accuracy", "advantage", "auc", *LOW_FPR, *PRIORS, *LOW_FNR)


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
    def of(cls, member_scores: Array, nonmember_scores: Array, threshold: float) -> Ranking:
        """Rank the scores of members and non-members; a record counts as a member from the threshold on."""
        first, second = (np.argsort(-part, kind="stable") for part in (member_scores, nonmember_scores))
        members, nonmembers = member_scores[first], nonmember_scores[second]
        distinct = np.unique(np.concatenate([members, nonmembers]))[::-1]
        return cls(
            members=first,
            nonmembers=second,
            members_at=np.concatenate([[0], _at_least(distinct, members)]),
            nonmembers_at=np.concatenate([[0], _at_least(distinct, nonmembers)]),
            above=len(members) - np.searchsorted(members[::-1], nonmembers, side="right"),
            level=_at_least(nonmembers, members),
            cut=int(_at_least(np.array([threshold]), distinct)[0]),
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
