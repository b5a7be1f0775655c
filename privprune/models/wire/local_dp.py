"""Noise on the wire, scaled by the formulas of local differential privacy, as in the released code of CEM.

The code assumes that a feature has sensitivity 1, as after a sigmoid, and accounts for each feature alone: epsilon is
no guarantee for the vector of all features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from privprune.models.wire.gaussian import GaussianNoise
from privprune.models.wire.laplace import LAPLACE_NEGENTROPY, LaplaceNoise
from privprune.models.wire.method import WireMethod
from privprune.models.wire.random_wire import AdditiveNoise
from privprune.settings import Positive

DELTA = 1e-4  # of the Gaussian mechanism; written 10e-5 in the released code


@dataclass(frozen=True)
class LocalDpSettings:
    """Noise for differential privacy of each feature: (epsilon, 1e-4) if Gaussian, (epsilon, 0) if Laplace."""

    name: Literal["local_dp"]
    epsilon: Positive
    noise: Literal["gaussian", "laplace"]

    @property
    def random(self) -> bool:
        """Whether two queries with the same image differ, so that an attacker can average them."""
        return True

    @property
    def noise_deviation(self) -> float:
        """Standard deviation of the noise that is added to each feature.

        Gaussian: sqrt(2 ln(1.25 / delta)) / epsilon (Dwork and Roth 2014, Theorem A.1). Laplace: sqrt(2) / epsilon.
        """
        if self.noise == "gaussian":
            return math.sqrt(2 * math.log(1.25 / DELTA)) / self.epsilon
        return math.sqrt(2) / self.epsilon

    @property
    def noise_negentropy(self) -> float:
        """By how much the entropy of the noise lies below that of Gaussian noise of its deviation, in nats."""
        return LAPLACE_NEGENTROPY if self.noise == "laplace" else 0.0

    @property
    def share(self) -> float:
        """The share of each feature that is sent on average over repeated queries."""
        return 1.0


def local_dp(settings: LocalDpSettings) -> AdditiveNoise:
    """Build the wire."""
    if settings.noise == "gaussian":
        return GaussianNoise(settings.noise_deviation)
    return LaplaceNoise(1 / settings.epsilon)


METHOD = WireMethod(
    settings=LocalDpSettings,
    build=local_dp,
    examples=(
        {"name": "local_dp", "epsilon": 2.0, "noise": "gaussian"},
        {"name": "local_dp", "epsilon": 2.0, "noise": "laplace"},
    ),
)
