"""Gaussian noise on the wire, as in CEM (arXiv 2503.00383, Section 4: z = F_e(x) + epsilon).

The paper calls its number the variance in one place and the standard deviation in another; in the released code, as
here, it is the standard deviation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from privprune.models.wire.method import WireMethod
from privprune.models.wire.random_wire import AdditiveNoise
from privprune.settings import Positive


@dataclass(frozen=True)
class GaussianSettings:
    """Noise of standard deviation `deviation` on each feature; for no noise, use the wire `plain`."""

    name: Literal["gaussian"]
    deviation: Positive

    @property
    def random(self) -> bool:
        """Whether two queries with the same image differ, so that an attacker can average them."""
        return True

    @property
    def noise_deviation(self) -> float:
        """Standard deviation of the noise that is added to each feature."""
        return self.deviation

    @property
    def noise_negentropy(self) -> float:
        """By how much the noise differs from Gaussian noise, in nats: it is Gaussian."""
        return 0.0

    @property
    def share(self) -> float:
        """The share of each feature that is sent on average over repeated queries."""
        return 1.0


class GaussianNoise(AdditiveNoise):
    """Add independent N(0, deviation^2) to each feature, in training and in evaluation."""

    def __init__(self, deviation: float) -> None:
        """Store the standard deviation, in units of the features."""
        super().__init__()
        self.deviation = deviation

    @property
    def noise_deviation(self) -> float:
        """Standard deviation of the noise of one transmission, in units of the features."""
        return self.deviation

    def forward(self, features: Tensor) -> Tensor:
        """Send features [batch, ...] with noise, in float32 at least, since bfloat16 would round the noise away."""
        return self.averaged(features, 1)

    def averaged(self, features: Tensor, queries: int) -> Tensor:
        """Return the mean of `queries` transmissions, whose noise is one draw of N(0, deviation^2 / queries)."""
        noise = torch.randn(features.shape, generator=self.generator, device=features.device)
        return features + self.deviation / math.sqrt(queries) * noise


def gaussian(settings: GaussianSettings) -> GaussianNoise:
    """Build the wire."""
    return GaussianNoise(settings.deviation)


METHOD = WireMethod(settings=GaussianSettings, build=gaussian, examples=({"name": "gaussian", "deviation": 0.1},))
