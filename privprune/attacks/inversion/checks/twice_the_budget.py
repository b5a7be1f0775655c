"""Whether twice the budget would make an attack stronger: it runs again, on one target, with twice its epochs."""

from __future__ import annotations

import math

from privprune.checks import Check, check

NAME = "gain from twice the budget"
BOUND = 0.05


def not_lowered_by_twice_the_budget(error: float, doubled: float) -> Check:
    """Compare an attack's mean squared error on one target with that of the same attack with twice the budget.

    A rise passes, however large: it says that the attack had no use for more. Decoders that learn a few hundred images
    by heart get worse with twice the epochs, by up to 6 % in our suites.

    Args:
        error: of the attack.
        doubled: of the same attack with twice the epochs or steps, on the same images.

    """
    fall = (error - doubled) / error if error > 0 else math.nan
    reason = "relative fall of the mean squared error with twice the epochs or steps, on the first target"
    return check(NAME, [fall], "below", BOUND, reason)
