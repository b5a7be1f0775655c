"""Whether an attack had converged: its held-out error, or its objective, no longer fell when its budget was spent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from privprune.attacks.inversion.method import Histories
from privprune.checks import Check, check, not_computed

NAME = "converged"
BOUND = 0.01  # declared: over the last tenth of its epochs or steps


def training_converged(settings: Any, histories: Histories) -> tuple[Check, ...]:
    """Check a trained attack by its error on held-out records, the curve `validation_loss`.

    The number is the share by which the error fell over the last tenth of the epochs; it is 0 where the best epoch was
    not the last one. Without held-out records it cannot be computed: a training error falls as long as a decoder learns
    its records by heart.
    """
    del settings
    curves = [history.get("validation_loss", ()) for history in histories]
    if not all(curves):
        why = "could not be computed: no records were held out (validation: 0)"
        return (not_computed(NAME, "below", BOUND, why),)
    reason = "fall of the held-out error over the last tenth of the epochs; 0 where the best epoch is not the last"
    return (check(NAME, [_fall(curve) for curve in curves], "below", BOUND, reason),)


def optimisation_converged(settings: Any, histories: Histories) -> tuple[Check, ...]:
    """Check an attack that optimises images, by its objective, the curve `loss`: its change over the last tenth."""
    del settings
    reason = "relative change of the attack's objective over the last tenth of its steps"
    return (check(NAME, [_change(history.get("loss", ())) for history in histories], "below", BOUND, reason),)


def _fall(curve: Sequence[float]) -> float:
    return 0.0 if min(curve) < curve[-1] else _change(curve)


def _change(curve: Sequence[float]) -> float:
    """Return the relative change over the last tenth of a curve; not a number for a single point."""
    if len(curve) < 2:
        return math.nan
    before, last = curve[-1 - max(1, round(len(curve) / 10))], curve[-1]
    return abs(before - last) / abs(before) if before != last else 0.0
