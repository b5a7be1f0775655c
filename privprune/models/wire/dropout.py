"""Dropout on the wire (He et al., IEEE Internet of Things Journal 2020), as the released code of CEM has it.

Unlike dropout against over-fitting, it acts in evaluation too, and the features that are sent are not scaled up. The
released code attacks the features before the dropout; here an attacker sees what is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from privprune.models.wire.method import WireMethod
from privprune.models.wire.random_wire import RandomWire
from privprune.settings import NonNegative, Range


@dataclass(frozen=True)
class DropoutSettings:
    """Each feature is sent as 0 with probability `rate`, drawn at every query; the others are sent with Gaussian noise.

    Attributes:
        rate: the probability.
        deviation: standard deviation of the noise, which every wire in CEM's tables has; 0 for none.

    """

    name: Literal["dropout"]
    rate: Annotated[float, Range(0, 1, open_low=True, open_high=True)]
    deviation: NonNegative

    @property
    def random(self) -> bool:
        """Whether two queries with the same image differ, so that an attacker can average them."""
        return True

    @property
    def noise_deviation(self) -> float:
        """Standard deviation of the noise that is added to each feature, before some are dropped."""
        return self.deviation

    @property
    def noise_negentropy(self) -> float:
        """By how much the noise differs from Gaussian noise, in nats: it is Gaussian."""
        return 0.0

    @property
    def share(self) -> float:
        """The share of each feature that is sent on average over repeated queries: those in which it is not dropped."""
        return 1 - self.rate


class WireDropout(RandomWire):
    """Add noise, then zero each feature with probability `rate`, without scaling, in training and in evaluation."""

    def __init__(self, rate: float, deviation: float) -> None:
        """Store the probability, and the standard deviation of the noise in units of the features."""
        super().__init__()
        self.rate, self.deviation = rate, deviation

    def forward(self, features: Tensor) -> Tensor:
        """Send features [batch, ...]."""
        sent = self.uniform(features) >= self.rate
        if not self.deviation:
            return features * sent
        noise = torch.randn(features.shape, generator=self.generator, device=features.device)
        return (features + self.deviation * noise) * sent

    def averaged(self, features: Tensor, queries: int) -> Tensor:
        """Return the mean of `queries` transmissions.

        How often a feature is sent has a binomial distribution, and the noise of its k transmissions adds up to one
        draw of variance k times as large: both are drawn at once.
        """
        if queries == 1:
            return self.forward(features)
        number = torch.full(features.shape, float(queries), device=features.device)
        sent = torch.binomial(number, torch.full_like(number, 1 - self.rate), generator=self.generator)
        if not self.deviation:
            return features * sent / queries
        noise = torch.randn(features.shape, generator=self.generator, device=features.device)
        return (features * sent + self.deviation * sent.sqrt() * noise) / queries


def dropout(settings: DropoutSettings) -> WireDropout:
    """Build the wire."""
    return WireDropout(settings.rate, settings.deviation)


METHOD = WireMethod(
    settings=DropoutSettings,
    build=dropout,
    examples=(
        {"name": "dropout", "rate": 0.3, "deviation": 0.0},
        {"name": "dropout", "rate": 0.3, "deviation": 0.1},
    ),
)
