"""Fit a power law to measured costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PowerLaw:
    """cost = factor * size ** exponent.

    Attributes:
        exponent: 1 where the cost is proportional to the size.
        factor: the cost of size 1.
        residual: root mean square residual of the logarithms: 0.05 is about 5 % of the cost.

    """

    exponent: float
    factor: float
    residual: float

    def at(self, size: float) -> float:
        """Return the cost of a size."""
        return self.factor * math.pow(size, self.exponent)


def fitted(points: Sequence[tuple[float, float]]) -> PowerLaw:
    """Fit by least squares on the logarithms.

    Args:
        points: (size, cost), all positive, with at least two different sizes.

    """
    sizes, costs = np.log(np.array(points, dtype=np.float64)).T
    exponent, constant = np.polyfit(sizes, costs, 1)
    off = costs - (exponent * sizes + constant)
    return PowerLaw(float(exponent), math.exp(constant), math.sqrt(float(np.mean(off**2))))
