"""What a layer behind a network declares of itself: its settings, and how it is built and fitted to the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from privprune.annotations import name_of


class OutputSettings(Protocol):
    """The settings of any output layer, a frozen dataclass."""

    @property
    def name(self) -> str:
        """The layer's name in a suite."""
        ...


class OutputLayer(nn.Module):
    """The last block of a network: logits [batch, classes] to what is answered, of the same shape.

    It acts in training and in evaluation mode, and draws no random numbers: equal queries have equal answers. What it
    must know of its network is in its buffers, whose shapes depend on settings and classes only.
    """

    def fit(self, network: nn.Module, image_shape: tuple[int, int, int], generator: torch.Generator) -> None:
        """Fill the buffers; called once after each training.

        Args:
            network: the trained network without this layer, in evaluation mode.
            image_shape: (C, H, W) of its images, whose values are in [-1, 1].
            generator: of the CPU, the only source of randomness; the network's own.

        """

    def forward(self, logits: Tensor) -> Tensor:
        """Return the answer to a batch of queries."""
        raise NotImplementedError


@dataclass(frozen=True)
class OutputMethod:
    """The declaration of an output layer, `METHOD` in its file.

    Attributes:
        settings: its frozen dataclass; the literal of its field `name` is the layer's name.
        build: (settings, number of classes) -> the layer, not yet fitted.
        examples: settings as a suite has them, for the tests that all output layers share.

    """

    settings: type[Any]
    build: Callable[[Any, int], OutputLayer]
    examples: tuple[Mapping[str, object], ...]

    @property
    def name(self) -> str:
        """The layer's name in a suite."""
        return name_of(self.settings)
