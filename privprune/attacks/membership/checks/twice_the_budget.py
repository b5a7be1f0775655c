"""Twice the budget changes an attack's result by little: it was trained for long enough."""

from __future__ import annotations

import dataclasses
from typing import Any

from privprune.checks import Check, check
from privprune.metrics.membership import Scores, point

LARGEST_CHANGE = 0.05  # of the result
BUDGET = ("steps", "patience")  # settings that say how long an attack may train, at any depth


def doubled(settings: Any) -> Any | None:
    """Return settings with twice the budget, or None where an attack has no budget.

    Args:
        settings: an instance of a frozen dataclass, in which others may be nested.

    """
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if field.name in BUDGET and type(value) is int:
            changed[field.name] = 2 * value
        elif dataclasses.is_dataclass(value) and (inner := doubled(value)) is not None:
            changed[field.name] = inner
    return dataclasses.replace(settings, **changed) if changed else None


def twice_the_budget(once: Scores, twice: Scores) -> Check:
    """Check by how much the balanced accuracy changes with twice the budget, as a share of it.

    Args:
        once: scores of one target's judged records.
        twice: the same with twice the budget and the same random numbers.

    """
    first, second = (point(one)["balanced_accuracy"] for one in (once, twice))
    reason = "change of the first target's balanced accuracy with twice the steps and patience, as a share of it"
    return check("twice the budget changes little", [abs(second / first - 1)], "below", LARGEST_CHANGE, reason)
