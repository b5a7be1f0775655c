"""Dropout on the wire (He et al., IEEE Internet of Things Journal 2020), as the released code of CEM has it.

Other than dropout against over-fitting it acts in evaluation too, and what is left is not scaled up. The released
code's own attacks see the features before it; here an attacker sees what is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from torch import Tensor

from privprune.models.random_layers import RandomLayer
from privprune.settings import Range


@dataclass(frozen=True)
class DropoutSettings:
    """Each feature is sent as 0 with probability `rate`, at every query anew."""

    name: Literal["dropout"]
    rate: Annotated[float, Range(0, 1, open_low=True, open_high=True)]

    @property
    def random(self) -> bool:
        """Whether two queries with one image differ, so that an attacker averages them."""
        return True

    @property
    def noise_deviation(self) -> float:
        """Standard deviation of the noise that is added to each feature: nothing is added."""
        return 0.0


class WireDropout(RandomLayer):
    """Zero each feature with probability `rate`, without scaling, in training and in evaluation."""

    def __init__(self, rate: float) -> None:
        """Take the probability."""
        super().__init__()
        self.rate = rate

    def forward(self, features: Tensor) -> Tensor:
        """Send features [batch, ...]."""
        return features * (self.uniform(features) >= self.rate)


def dropout(settings: DropoutSettings) -> WireDropout:
    """Build the wire."""
    return WireDropout(settings.rate)
