"""The outer loop of MIA-Pruning's Algorithm 1: which budget {n_i} to choose.

The paper chooses the one with the smallest gain of the inference network, apparently on the records that it then
reports. Here gain and accuracy come from the selection records only, and a budget that loses more accuracy than allowed
is not chosen: without that limit, the smallest gain is that of a network that has learnt nothing.

Gains that differ by less than a standard error are no reason to choose: such candidates are ties, and the more accurate
one is taken, then the sparser one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from privprune.pruning.budget import Ratio
from privprune.settings import Fraction

LEAST_MARGIN = 1.0  # standard errors between two gains that count as different; the least that is evidence of anything


@dataclass(frozen=True)
class SearchSettings:
    """The budgets to compare.

    Attributes:
        ratios: all weights / weights left, of each candidate; the profile over the layers is the budget's.
        largest_drop: how far mean accuracy on the selection records may fall below that of the dense networks.

    """

    ratios: tuple[Ratio, ...]
    largest_drop: Fraction

    def __post_init__(self) -> None:
        """Refuse an empty search, and equal candidates."""
        if not self.ratios or len(set(self.ratios)) != len(self.ratios):
            raise ValueError(f"ratios: found {list(self.ratios)}, allowed at least one, all different")


@dataclass(frozen=True)
class Candidate:
    """Results of one budget, per network.

    Attributes:
        ratio: all weights / weights left.
        selection_accuracy: on the selection records, a fraction per network.
        gain: of the inference model (Equation 1) on the selection records, per network; at least -log 4, that of
            guessing, since nobody would use a model that is worse.
        standard_error: of the mean gain, over networks and records.
        attack: which inference model it is of, the stronger one of two: the suite's own, or `confidence`.

    """

    ratio: float
    selection_accuracy: tuple[float, ...]
    gain: tuple[float, ...]
    standard_error: float
    attack: str


@dataclass(frozen=True)
class Choice:
    """The chosen candidate.

    Attributes:
        candidate: the candidate.
        within_drop: whether its accuracy is within the allowed drop; if that of none is, the most accurate is chosen.
        ties: those whose gain cannot be told from the smallest, itself among them; empty if none is accurate enough.
        margin: by how many standard errors the smallest gain is below the next; NaN without a second candidate.

    """

    candidate: Candidate
    within_drop: bool
    ties: tuple[Candidate, ...]
    margin: float


def choose_budget(candidates: Sequence[Candidate], dense_accuracy: Sequence[float], largest_drop: float) -> Choice:
    """Choose the smallest mean gain among the candidates whose mean accuracy is high enough.

    Args:
        candidates: at least one.
        dense_accuracy: of the networks before pruning, on the selection records, a fraction per network.
        largest_drop: how far below the mean of `dense_accuracy` that of a candidate may lie.

    Returns:
        the choice; of tied gains the more accurate one, of equal accuracies the sparser one. If no candidate is
        accurate enough, the most accurate one, with `within_drop` false.

    """
    floor = fmean(dense_accuracy) - largest_drop
    allowed = [candidate for candidate in candidates if fmean(candidate.selection_accuracy) >= floor]
    if not allowed:
        return Choice(max(candidates, key=_merit), within_drop=False, ties=(), margin=math.nan)
    lowest = min(allowed, key=lambda one: (fmean(one.gain), one.standard_error, one.ratio))
    margins = {one.ratio: standard_errors_apart(lowest, one) for one in allowed}
    ties = tuple(one for one in allowed if one is lowest or margins[one.ratio] < LEAST_MARGIN)
    others = [margins[one.ratio] for one in allowed if one is not lowest]
    return Choice(max(ties, key=_merit), within_drop=True, ties=ties, margin=min(others, default=math.nan))


def _merit(candidate: Candidate) -> tuple[float, float]:
    """Return what decides between ties: accuracy, then sparsity."""
    return fmean(candidate.selection_accuracy), candidate.ratio


def standard_errors_apart(lower: Candidate, higher: Candidate) -> float:
    """Return the difference of two mean gains in standard errors of the difference; infinite without any error."""
    difference = fmean(higher.gain) - fmean(lower.gain)
    error = math.hypot(lower.standard_error, higher.standard_error)
    return difference / error if error > 0 else (math.inf if difference > 0 else 0.0)


def standard_error(gains: Sequence[float], of_records: Sequence[float]) -> float:
    """Return the standard error of a mean gain over networks that may share their records.

    What the records add to the error is the same for all networks where they are scored on the same records, so it does
    not become smaller with the number of networks. For records of their own this is an upper bound.

    Args:
        gains: one per network.
        of_records: standard error of each of them over its own records.

    """
    between = variance(gains) / len(gains) if len(gains) > 1 else 0.0
    return math.sqrt(between + fmean(error**2 for error in of_records))
