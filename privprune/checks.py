"""Checks: what must hold before a number may support a verdict. A failed check makes a test `not a fair test`.

A check belongs beside what it checks: a method's file, or a file of its own there. It compares one measured number with
a bound that was declared before the run. A number that could not be computed counts as failed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Relation = Literal["at least", "at most", "above", "below"]


@dataclass(frozen=True)
class Check:
    """One check, the worst over the targets of a cell.

    Attributes:
        name: what is checked, a few words that are the same in all records.
        measured: the number; None where it could not be computed.
        relation: how it must lie to the bound.
        bound: declared before the run.
        passed: whether it does.
        reason: what the number is, or why it could not be computed; one sentence without a full stop.

    """

    name: str
    measured: float | None
    relation: Relation
    bound: float
    passed: bool
    reason: str

    def as_record(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


def check(name: str, values: Sequence[float], relation: Relation, bound: float, reason: str) -> Check:
    """Compare the worst of some values, one per target, with a bound.

    Args:
        name: what is checked.
        values: one per target; none, or one that is not finite, is a number that could not be computed.
        relation: how each value must lie to the bound.
        bound: the bound.
        reason: what the number is.

    """
    if not values or not all(math.isfinite(value) for value in values):
        return not_computed(name, relation, bound, f"could not be computed: {reason}")
    worst = min(values) if relation in ("at least", "above") else max(values)
    return Check(name, worst, relation, bound, _holds(worst, relation, bound), reason)


def not_computed(name: str, relation: Relation, bound: float, why: str) -> Check:
    """Return a failed check of a number that could not be computed."""
    return Check(name, None, relation, bound, passed=False, reason=why)


def no_checks(*_: object) -> tuple[Check, ...]:
    """Return none, for a method that has nothing that could fail to take effect."""
    return ()


def _holds(value: float, relation: Relation, bound: float) -> bool:
    return {
        "at least": value >= bound,
        "at most": value <= bound,
        "above": value > bound,
        "below": value < bound,
    }[relation]
