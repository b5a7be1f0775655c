"""An attack network has converged: it was stopped on a plateau of held-out known records, not by its budget."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Protocol

from privprune.checks import Check, check
from privprune.metrics.membership import Scores


class Budget(Protocol):
    """The settings of a training that says how long it may be."""

    @property
    def steps(self) -> int: ...  # noqa: D102
    @property
    def interval(self) -> int: ...  # noqa: D102


def converged(settings: Budget, scores: Sequence[Scores]) -> tuple[Check, ...]:
    """Check that the training ended before its last step, so that its best evaluation was not the last one.

    Args:
        settings: number of steps at most, and steps between two evaluations.
        scores: one per target, whose history has one `validation_loss` per evaluation.

    """
    most = ceil(settings.steps / settings.interval)
    shares = [len(one.history.get("validation_loss", ())) / most for one in scores]
    reason = "evaluations on held-out known records until the attack's training stopped, as a share of all it may have"
    return (check("attack network converged", [share or float("nan") for share in shares], "below", 1.0, reason),)
