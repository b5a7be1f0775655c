"""The true negative rate of the loss attack at a low false negative rate: an estimate of LiRA's power without shadows.

Dodd, Krco, Shilov and de Montjoye 2025 (arXiv 2510.19773): the records that LiRA finds at a low false positive rate are
mostly those that training has moved out of the tail of high losses. So the share of non-members whose loss is higher
than that of (nearly) every member predicts LiRA's true positive rate: LOSS TNR at a low FNR, in their notation (Eq. 4).
It is a number about a network, and says nothing about single records; so it is a measure here and not an attack.

Only abstract, introduction and public reviews of the paper were at hand: the pairing of rates (FNR equal to LiRA's FPR)
and the linear function that the paper fits from one to the other are to be read there. Without that fit the number
orders networks by their risk, and is not LiRA's true positive rate itself.
"""

from __future__ import annotations

import numpy as np

from privprune.metrics.intervals import Array
from privprune.metrics.record_draws import Counts

LOW_FNR = {"tnr_at_1_percent_fnr": 0.01, "tnr_at_0.1_percent_fnr": 0.001}


def tnr_at_fnr(true: Counts, false: Counts, fnr: Array) -> Array:
    """Return the largest true negative rate of all thresholds whose false negative rate is at most a given one.

    Args:
        true: [R, V + 1], accepted members for v = 0..V, as in `metrics.membership.Ranking`: v distinct scores are
            accepted, from the highest; one row for each resampled set of records.
        false: [R, V + 1], accepted non-members.
        fnr: [F]; below 1 / members only thresholds that refuse no member count.

    Returns:
        [R, F].

    """
    members, nonmembers = true[0, -1], false[0, -1]
    allowed = np.floor(fnr * members + 1e-9)  # 0.001 of 3000 records is 3, not 2.9999
    first = np.stack([np.searchsorted(row, members - allowed, side="left") for row in true])
    reached: Array = 1 - np.take_along_axis(false, first, axis=1) / nonmembers
    return reached


def true_negative_rate(members: Array, nonmembers: Array, fnr: float) -> float:
    """Return the largest true negative rate at a false negative rate of at most `fnr`.

    Args:
        members: [members], scores of the loss attack, or of any other; the higher, the more likely a member.
        nonmembers: [non-members].
        fnr: share of the members that may be missed.

    """
    distinct = np.unique(np.concatenate([members, nonmembers]))[::-1]
    accepted = [
        np.concatenate([[0], len(part) - np.searchsorted(np.sort(part), distinct, side="left")])[None]
        for part in (members, nonmembers)
    ]
    return float(tnr_at_fnr(accepted[0], accepted[1], np.array([fnr]))[0, 0])
