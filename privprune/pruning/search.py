"""The outer loop of MIA-Pruning's Algorithm 1: which budget {n_i} to choose.

The paper chooses the one with the smallest gain of the inference network, apparently on the records that it then
reports. Here gain and accuracy come from the selection records only, and a budget that loses more accuracy than allowed
is not chosen: without that limit, the smallest gain is that of a network that has learnt nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from privprune.pruning.budget import Ratio
from privprune.settings import Fraction


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
        gain: of the inference network (Equation 1) on the selection records, per network; -log 4 is guessing.

    """

    ratio: float
    selection_accuracy: tuple[float, ...]
    gain: tuple[float, ...]


@dataclass(frozen=True)
class Choice:
    """The chosen candidate.

    Attributes:
        candidate: the candidate.
        within_drop: whether its accuracy is within the allowed drop; if that of none is, the most accurate is chosen.

    """

    candidate: Candidate
    within_drop: bool


def choose_budget(candidates: Sequence[Candidate], dense_accuracy: Sequence[float], largest_drop: float) -> Choice:
    """Choose the smallest mean gain among the candidates whose mean accuracy is high enough.

    Args:
        candidates: at least one.
        dense_accuracy: of the networks before pruning, on the selection records, a fraction per network.
        largest_drop: how far below the mean of `dense_accuracy` that of a candidate may lie.

    Returns:
        the choice; of equal gains the more accurate one, of equal accuracies the sparser one. If no candidate is
        accurate enough, the most accurate one, with `within_drop` false.

    """
    floor = fmean(dense_accuracy) - largest_drop
    allowed = [candidate for candidate in candidates if fmean(candidate.selection_accuracy) >= floor]
    if not allowed:
        return Choice(max(candidates, key=lambda one: (fmean(one.selection_accuracy), one.ratio)), within_drop=False)
    best = min(allowed, key=lambda one: (fmean(one.gain), -fmean(one.selection_accuracy), -one.ratio))
    return Choice(best, within_drop=True)
