"""Laplace noise on the wire, as Titcombe et al. 2021 (arXiv 2104.05743) add it to NoPeek."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from privprune.models.wire.method import WireMethod
from privprune.models.wire.random_wire import AdditiveNoise
from privprune.settings import Positive

# Entropies of one feature's noise: 1/2 log(2 pi e s^2) of Gaussian, 1 + log(2 b) of Laplace noise, with s = sqrt(2) b.
LAPLACE_NEGENTROPY = 0.5 * math.log(2 * math.pi * math.e) - 1 - 0.5 * math.log(2)


@dataclass(frozen=True)
class LaplaceSettings:
    """Noise of density exp(-|x| / scale) / (2 scale) on each feature."""

    name: Literal["laplace"]
    scale: Positive

    @property
    def random(self) -> bool:
        """Whether two queries with the same image differ, so that an attacker can average them."""
        return True

    @property
    def noise_deviation(self) -> float:
        """Standard deviation of the noise that is added to each feature: sqrt(2) times the scale."""
        return math.sqrt(2) * self.scale

    @property
    def noise_negentropy(self) -> float:
        """By how much the entropy of the noise lies below that of Gaussian noise of its deviation, in nats."""
        return LAPLACE_NEGENTROPY

    @property
    def share(self) -> float:
        """The share of each feature that is sent on average over repeated queries."""
        return 1.0


class LaplaceNoise(AdditiveNoise):
    """Add independent Laplace noise to each feature, in training and in evaluation."""

    def __init__(self, scale: float) -> None:
        """Store the scale, in units of the features."""
        super().__init__()
        self.scale = scale

    @property
    def noise_deviation(self) -> float:
        """Standard deviation of the noise of one transmission, in units of the features."""
        return math.sqrt(2) * self.scale

    def forward(self, features: Tensor) -> Tensor:
        """Send features [batch, ...] with noise, in float32 at least, since bfloat16 would round the noise away.

        The difference of two exponential draws has a Laplace distribution. The inverse of its distribution function,
        applied to a uniform draw, would give infinity once in 2^24 draws.
        """
        draws = torch.empty((2, *features.shape), device=features.device).exponential_(generator=self.generator)
        return features + self.scale * (draws[0] - draws[1])

    def averaged(self, features: Tensor, queries: int) -> Tensor:
        """Return the mean of `queries` transmissions.

        The sum of so many exponential draws has a gamma distribution, which is drawn at once.
        """
        if queries == 1:
            return self.forward(features)
        shape = torch.full((2, *features.shape), float(queries), device=features.device)
        draws = torch._standard_gamma(shape, generator=self.generator)  # noqa: SLF001 (Gamma of torch takes no generator)
        return features + self.scale / queries * (draws[0] - draws[1])


def laplace(settings: LaplaceSettings) -> LaplaceNoise:
    """Build the wire."""
    return LaplaceNoise(settings.scale)


METHOD = WireMethod(settings=LaplaceSettings, build=laplace, examples=({"name": "laplace", "scale": 0.1},))
