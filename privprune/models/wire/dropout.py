"""Dropout on the wire (He et al., IEEE Internet of Things Journal 2020), as the released code of CEM has it.

Other than dropout against over-fitting it acts in evaluation too, and what is left is not scaled up. The released
code's own attacks see the features before it; here an attacker sees what is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from privprune.models.random_layers import RandomLayer
from privprune.settings import NonNegative, Range


@dataclass(frozen=True)
class DropoutSettings:
    """Each feature is sent as 0 with probability `rate`, at every query anew; the others with Gaussian noise.

    Attributes:
        rate: the probability.
        deviation: standard deviation of the noise, which CEM's tables have on every wire; 0 for none.

    """

    name: Literal["dropout"]
    rate: Annotated[float, Range(0, 1, open_low=True, open_high=True)]
    deviation: NonNegative

    @property
    def random(self) -> bool:
        """Whether two queries with one image differ, so that an attacker averages them."""
        return True

    @property
    def noise_deviation(self) -> float:
        """Standard deviation of the noise that is added to each feature, before some are dropped."""
        return self.deviation


class WireDropout(RandomLayer):
    """Add noise, then zero each feature with probability `rate`, without scaling, in training and in evaluation."""

    def __init__(self, rate: float, deviation: float) -> None:
        """Take the probability, and the standard deviation of the noise in units of the features."""
        super().__init__()
        self.rate, self.deviation = rate, deviation

    def forward(self, features: Tensor) -> Tensor:
        """Send features [batch, ...]."""
        kept = self.uniform(features) >= self.rate
        if not self.deviation:
            return features * kept
        noise = torch.randn(features.shape, generator=self.generator, device=features.device)
        return (features + self.deviation * noise) * kept


def dropout(settings: DropoutSettings) -> WireDropout:
    """Build the wire."""
    return WireDropout(settings.rate, settings.deviation)
