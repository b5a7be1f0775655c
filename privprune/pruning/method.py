"""What a pruning method is: a function that finds a mask, training on the way where it has to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from privprune.training.loop import Masks, Term, TrainingPlan


class Fit(Protocol):
    """The one training loop, with data, generators and a defence's own terms already given by the caller."""

    def __call__(self, phase: str, plan: TrainingPlan, terms: Sequence[Term], masks: Masks) -> None:
        """Train the networks for one phase.

        Args:
            phase: its name in the record.
            plan: how long and how.
            terms: the method's, beside the caller's own.
            masks: weights to hold at zero, empty for none.

        """
