"""Gaussian noise on the wire, that of CEM (arXiv 2503.00383, Section 4: z = F_e(x) + epsilon).

The paper calls its number the variance in one place and the standard deviation in another; in the released code it is
the standard deviation, and so it is here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from privprune.models.random_layers import RandomLayer
from privprune.settings import Positive


@dataclass(frozen=True)
class GaussianSettings:
    """Noise of standard deviation `deviation` on each feature; without noise the wire is `plain`."""

    name: Literal["gaussian"]
    deviation: Positive

    @property
    def random(self) -> bool:
        """Whether two queries with one image differ, so that an attacker averages them."""
        return True

    @property
    def noise_deviation(self) -> float:
        """Standard deviation of the noise that is added to each feature."""
        return self.deviation


class GaussianNoise(RandomLayer):
    """Add independent N(0, deviation^2) to each feature, in training and in evaluation."""

    def __init__(self, deviation: float) -> None:
        """Take the standard deviation, in units of the features."""
        super().__init__()
        self.deviation = deviation

    def forward(self, features: Tensor) -> Tensor:
        """Send features [batch, ...]; the sum is of float32 at least, since bfloat16 would round the noise."""
        noise = torch.randn(features.shape, generator=self.generator, device=features.device)
        return features + self.deviation * noise


def gaussian(settings: GaussianSettings) -> GaussianNoise:
    """Build the wire."""
    return GaussianNoise(settings.deviation)
