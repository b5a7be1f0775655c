"""Whether an attack had converged: its held-out error, or its objective, no longer fell when its budget was spent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from privprune.attacks.inversion.method import Histories
from privprune.checks import Check, check, not_computed

NAME = "converged"
BOUND = 0.01  # declared, of an optimisation: over the last tenth of its steps
TRAINING_BOUND = 0.05  # declared, of a training: over the last tenth of its epochs, as of twice its budget


def training_converged(settings: Any, histories: Histories) -> tuple[Check, ...]:
    """Check a trained attack by its error on held-out records, the curve `validation_loss`.

    The number is the share by which the lowest error fell over the last tenth of the epochs. Errors of single epochs
    scatter by a few per cent, so that they are not compared. Nor is the bound as narrow as that of an optimisation: a
    learning rate that falls to nothing lowers the error at the end of any budget, by 1 to 4 % in our suites. What more
    epochs would have brought is said by `twice_the_budget`.

    Without held-out records it cannot be computed: a training error falls as long as a decoder learns its records by
    heart.
    """
    del settings
    curves = [history.get("validation_loss", ()) for history in histories]
    if not all(curves):
        why = "could not be computed: no records were held out (validation: 0)"
        return (not_computed(NAME, "below", TRAINING_BOUND, why),)
    reason = "fall of the lowest held-out error over the last tenth of the epochs"
    return (check(NAME, [_fall(curve) for curve in curves], "below", TRAINING_BOUND, reason),)


def optimisation_converged(settings: Any, histories: Histories) -> tuple[Check, ...]:
    """Check an attack that optimises images, by its objective, the curve `loss`: its change over the last tenth."""
    del settings
    reason = "relative change of the attack's objective over the last tenth of its steps"
    return (check(NAME, [_change(history.get("loss", ())) for history in histories], "below", BOUND, reason),)


def _fall(curve: Sequence[float]) -> float:
    """Return the relative fall of a curve's minimum over its last tenth; not a number for a single point."""
    if len(curve) < 2:
        return math.nan
    before, lowest = min(curve[: -_tenth(curve)]), min(curve)
    return (before - lowest) / before if before != lowest else 0.0


def _change(curve: Sequence[float]) -> float:
    """Return the relative change over the last tenth of a curve; not a number for a single point."""
    if len(curve) < 2:
        return math.nan
    before, last = curve[-1 - _tenth(curve)], curve[-1]
    return abs(before - last) / abs(before) if before != last else 0.0


def _tenth(curve: Sequence[float]) -> int:
    return max(1, round(len(curve) / 10))
