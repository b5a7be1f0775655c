"""Ranks of values with ties, and what two rankings of the same records say about which one is better."""

from __future__ import annotations

import numpy as np

from privprune.metrics.intervals import Array


def midranks(values: Array) -> Array:
    """Return the rank of each value, from 1; equal values have the mean of their ranks: float64 [n].

    Importing scipy.stats for its `rankdata` would cost each stage most of a second.
    """
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Array = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks


def placements(members: Array, nonmembers: Array) -> tuple[Array, Array]:
    """Return what each record contributes to the area under the ROC curve.

    Args:
        members: float64 [n], scores.
        nonmembers: float64 [m], scores.

    Returns:
        for each member the share of the non-members that it is ranked above, [n], and for each non-member the share of
        the members that are ranked above it, [m]; ties count half. The mean of either is the area.

    """
    together = midranks(np.concatenate([members, nonmembers]))
    above = (together[: len(members)] - midranks(members)) / len(nonmembers)
    below = 1 - (together[len(members) :] - midranks(nonmembers)) / len(members)
    return above, below


def difference_of_areas(first: tuple[Array, Array], second: tuple[Array, Array]) -> tuple[float, float]:
    """Compare two attacks on the same records by the area under their ROC curves.

    DeLong, DeLong and Clarke-Pearson 1988 (Biometrics 44): the records are the same, so the variance is that of the
    differences of placements, record by record. With decisions (0 or 1) as scores, the area is the balanced accuracy.

    Args:
        first: scores of members and of non-members.
        second: the other attack's scores of the same records in the same order.

    Returns:
        area of the first minus that of the second, and the standard error of that difference.

    """
    parts = [one - other for one, other in zip(placements(*first), placements(*second), strict=True)]
    variance = sum(float(part.var(ddof=1)) / len(part) if len(part) > 1 else np.inf for part in parts)
    return float(parts[0].mean()), float(variance) ** 0.5
