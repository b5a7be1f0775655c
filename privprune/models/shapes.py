"""Layers and shapes of a network before anything is trained, for checking a suite against it."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from torch import Tensor, nn

from privprune.models.block_net import BlockNet, prunable
from privprune.models.halves import cut_in_two


@dataclass(frozen=True, eq=False)
class NetworkShapes:
    """A network of the right layers with arbitrary weights; two are equal only if they are one object.

    Attributes:
        model: the network; its wire is plain, unless it is one that changes the shape of the features.
        image: channels, height and width of its images.

    """

    model: BlockNet
    image: tuple[int, int, int]

    @functools.cached_property
    def weights(self) -> dict[str, Tensor]:
        """The prunable weights by name, on the meta device: shapes without values."""
        return {name: weight.to("meta") for name, weight in prunable(self.model).items()}

    @property
    def normalises(self) -> bool:
        """Whether it has batch normalisation."""
        return any(isinstance(part, nn.BatchNorm2d) for part in self.model.modules())

    def features(self, at: str | int | None = None) -> tuple[int, ...]:
        """Return the shape of what the edge sends of one image, (c, h, w) or (c,).

        Args:
            at: where a whole network is cut; None for a network that has a cut of its own.

        Raises:
            UserError: there is no such cut, none is named for a whole network, or one for a network that has its own.

        """
        return _features(self, at)


@functools.cache
def _features(shapes: NetworkShapes, at: str | int | None) -> tuple[int, ...]:
    return cut_in_two(shapes.model, at).feature_shape(shapes.image)
