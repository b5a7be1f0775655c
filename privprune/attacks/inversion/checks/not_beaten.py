"""Whether an attack is beaten by a trivial one: by the mean image, which ignores the features, or by LMMSE."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from privprune.checks import Check, check

Array = np.ndarray[Any, Any]
_STANDARD_ERRORS = 2  # allowed for sampling


def not_beaten_by(reference: str, attack: Sequence[Array], trivial: Sequence[Array]) -> Check:
    """Compare an attack with a trivial one on the same images.

    Args:
        reference: the trivial attack, in words.
        attack: for each target, the attack's mean squared error of each image, float [m].
        trivial: the same of the trivial attack, with the same queries.

    Returns:
        a check of the attack's error, less two standard errors of the paired difference, as a share of the other's.

    """
    shares = [_share(ours, theirs) for ours, theirs in zip(attack, trivial, strict=True)]
    reason = (
        f"mean squared error, less {_STANDARD_ERRORS} standard errors of the paired difference, as a share of "
        f"{reference}'s"
    )
    return check(f"not beaten by {reference}", shares, "at most", 1.0, reason)


def _share(ours: Array, theirs: Array) -> float:
    """Return one target's number; not a number with fewer than two images, or where the other makes no error."""
    if len(ours) < 2 or not theirs.mean() > 0:
        return math.nan
    sampling = float((ours - theirs).std(ddof=1)) / math.sqrt(len(ours))
    return (float(ours.mean()) - _STANDARD_ERRORS * sampling) / float(theirs.mean())
