"""Noise on the wire of the size that local differential privacy would ask for, as the released code of CEM sets it.

The code takes one feature's sensitivity to be 1, as a sigmoid before the wire makes it, and counts each feature alone:
for the vector of all features epsilon is no guarantee.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from privprune.models.random_layers import RandomLayer
from privprune.models.wire.gaussian import GaussianNoise
from privprune.models.wire.laplace import LaplaceNoise
from privprune.settings import Positive

DELTA = 1e-4  # of the Gaussian mechanism; the code writes 10e-5


@dataclass(frozen=True)
class LocalDpSettings:
    """Noise for (epsilon, 1e-4)-differential privacy of each feature if Gaussian, for epsilon if Laplace."""

    name: Literal["local_dp"]
    epsilon: Positive
    noise: Literal["gaussian", "laplace"]

    @property
    def random(self) -> bool:
        """Whether two queries with one image differ, so that an attacker averages them."""
        return True

    @property
    def noise_deviation(self) -> float:
        """Standard deviation of the noise that is added to each feature.

        Gaussian: sqrt(2 ln(1.25 / delta)) / epsilon (Dwork and Roth 2014, Theorem A.1). Laplace: sqrt(2) / epsilon.
        """
        if self.noise == "gaussian":
            return math.sqrt(2 * math.log(1.25 / DELTA)) / self.epsilon
        return math.sqrt(2) / self.epsilon


def local_dp(settings: LocalDpSettings) -> RandomLayer:
    """Build the wire."""
    if settings.noise == "gaussian":
        return GaussianNoise(settings.noise_deviation)
    return LaplaceNoise(1 / settings.epsilon)
