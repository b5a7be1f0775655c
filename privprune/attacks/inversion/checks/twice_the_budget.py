"""Whether twice the budget would change an attack's error: it runs again, on one target, with twice its epochs."""

from __future__ import annotations

import math

from privprune.checks import Check, check

NAME = "twice the budget changes it by less than 5 %"
BOUND = 0.05


def unchanged_by_twice_the_budget(error: float, doubled: float) -> Check:
    """Compare an attack's mean squared error on one target with that of the same attack with twice the budget.

    Args:
        error: of the attack.
        doubled: of the same attack with twice the epochs or steps, on the same images.

    """
    change = abs(doubled - error) / error if error > 0 else math.nan
    reason = "relative change of the mean squared error with twice the epochs or steps, on the first target"
    return check(NAME, [change], "below", BOUND, reason)
