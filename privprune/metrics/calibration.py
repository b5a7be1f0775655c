"""Log-odds out of a signal: logistic regression of membership on one number (Platt 1999)."""

from __future__ import annotations

import numpy as np

from privprune.metrics.intervals import Array

_STEPS = 50  # of Newton's method, which needs fewer than ten
_RIDGE = 1e-6  # keeps the curvature above 0 where all probabilities are near 0 or 1


def calibration(members: Array, nonmembers: Array) -> tuple[float, float]:
    """Fit log-odds a * signal + b of being a member, at equal odds of members and non-members.

    The targets are Platt's, (n + 1) / (n + 2) and 1 / (n + 2), so that signals that separate both groups have finite
    log-odds ("Probabilistic outputs for support vector machines", 1999, Section 2.2).

    Args:
        members: signals of known members, finite, [n].
        nonmembers: signals of known non-members, [m].

    Returns:
        a and b.

    """
    signals = np.concatenate([members, nonmembers])
    centre, scale = float(signals.mean()), float(signals.std()) or 1.0
    inputs = np.stack([(signals - centre) / scale, np.ones_like(signals)], axis=1)
    targets = np.concatenate(
        [
            np.full(len(members), (len(members) + 1) / (len(members) + 2)),
            np.full(len(nonmembers), 1 / (len(nonmembers) + 2)),
        ]
    )
    weights = np.concatenate(
        [np.full(len(members), 0.5 / len(members)), np.full(len(nonmembers), 0.5 / len(nonmembers))]
    )
    found = np.zeros(2)
    for _ in range(_STEPS):
        guessed = 1 / (1 + np.exp(-inputs @ found))
        slope = inputs.T @ (weights * (guessed - targets))
        curvature = (inputs.T * (weights * guessed * (1 - guessed))) @ inputs + _RIDGE * np.eye(2)
        step = np.linalg.solve(curvature, slope)
        found = found - step / max(1.0, float(np.abs(step).max()))  # never more than one unit of log-odds at once
    return float(found[0] / scale), float(found[1] - found[0] * centre / scale)
