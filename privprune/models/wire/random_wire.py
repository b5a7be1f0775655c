"""Wires that draw random numbers, and the mean of several transmissions of the same features."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from privprune.models.random_layers import RandomLayer


class RandomWire(RandomLayer):
    """A wire that sends something else at every query, so that an attacker can average its answers."""

    def averaged(self, features: Tensor, queries: int) -> Tensor:
        """Return the mean of `queries` transmissions of features [batch, ...].

        A wire whose mean has a known distribution may draw it at once, instead of query by query.
        """
        sent: Tensor = self(features)
        for _ in range(queries - 1):
            sent = sent + self(features)
        return sent / queries


class AdditiveNoise(RandomWire, ABC):
    """A wire that adds independent noise of mean 0 and the same variance to each feature, and does nothing else."""

    @property
    @abstractmethod
    def noise_deviation(self) -> float:
        """Standard deviation of the noise of one transmission, in units of the features."""
