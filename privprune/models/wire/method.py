"""What a wire declares of itself: its settings, and how its layer is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import nn

from privprune.annotations import name_of


class WireSettings(Protocol):
    """The settings of any wire, a frozen dataclass; what its layer does to the features, in numbers."""

    @property
    def name(self) -> str:
        """The wire's name in a suite."""
        ...

    @property
    def random(self) -> bool:
        """Whether two queries with the same image send different features, so that an attacker can average them."""
        ...

    @property
    def noise_deviation(self) -> float:
        """Standard deviation of the noise that is added to each feature; 0 without noise."""
        ...

    @property
    def noise_negentropy(self) -> float:
        """By how much the entropy of a feature's noise lies below that of Gaussian noise of its deviation, in nats."""
        ...

    @property
    def share(self) -> float:
        """The share of each feature that is sent on average over repeated queries; 1 where nothing random drops it."""
        ...


class WithoutRandomness:
    """What the settings of a wire say whose layer draws nothing, so that a repeated query sends the same."""

    @property
    def random(self) -> bool:
        """Whether two queries with the same image differ: they do not."""
        return False

    @property
    def noise_deviation(self) -> float:
        """Standard deviation of the noise that is added to each feature: there is none."""
        return 0.0

    @property
    def noise_negentropy(self) -> float:
        """By how much the noise differs from Gaussian noise, in nats: there is none."""
        return 0.0

    @property
    def share(self) -> float:
        """The share of each feature that is sent on average over repeated queries: all of what is sent once."""
        return 1.0


@dataclass(frozen=True)
class WireMethod:
    """The declaration of a wire, `METHOD` in its file.

    Attributes:
        settings: its frozen dataclass; the literal of its field `name` is the wire's name.
        build: makes the layer from the settings: features [batch, ...] to what is sent, of the same shape unless the
            layer is a `ReducingWire`.
        examples: settings as a suite has them, for the tests that all wires share; one at least of each of its forms.

    """

    settings: type[Any]
    build: Callable[[Any], nn.Module]
    examples: tuple[Mapping[str, object], ...]

    @property
    def name(self) -> str:
        """The wire's name in a suite."""
        return name_of(self.settings)
