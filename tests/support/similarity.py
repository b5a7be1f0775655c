"""Structural similarity by SciPy, as an oracle for ours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate

Array = npt.NDArray[np.float64]


def padded_with_zeros(one: Array, other: Array) -> float:
    """Return the similarity of two images [channels, height, width] in [0, 1], by correlation with zeros at the edges.

    Wang et al. 2004, Equation 13, Gaussian window 11 x 11 of deviation 1.5, data range 1, at every pixel.
    """
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = (np.outer(taps, taps) / taps.sum() ** 2)[None]

    def mean(plane: Array) -> Array:
        filtered: Array = correlate(plane, window, mode="constant", cval=0.0)
        return filtered

    one, other = one.astype(np.float64), other.astype(np.float64)
    mean1, mean2 = mean(one), mean(other)
    variances = mean(one**2) - mean1**2 + mean(other**2) - mean2**2
    above = (2 * mean1 * mean2 + 1e-4) * (2 * (mean(one * other) - mean1 * mean2) + 9e-4)
    return float((above / ((mean1**2 + mean2**2 + 1e-4) * (variances + 9e-4))).mean())
