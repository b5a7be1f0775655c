"""What a suite is held against of a network before anything is trained: its layers and shapes, with any weights."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from privprune.datasets import IMAGE_SHAPES, DatasetSettings, ImageShape
from privprune.errors import UserError
from privprune.models import BlockNet, CutSettings, blank, prunable, reseed, small_dense
from privprune.models.wire.plain import PlainSettings
from privprune.workflow.context import NetworkSettings
from privprune.workflow.inversion_targets import halves


@dataclass(frozen=True)
class NetworkShapes:
    """What a suite is held against of a network.

    Attributes:
        weights: its prunable weights by name, shapes only.
        normalises: whether it has batch normalisation.

    """

    weights: dict[str, Tensor]
    normalises: bool


def anatomy(data: DatasetSettings, network: NetworkSettings, where: str) -> NetworkShapes:
    """Build the network, so that an unknown model, or one that does not take the images, is told now.

    Raises:
        UserError: with `where` in front.

    """
    try:
        return _anatomy(network.model, network.small_dense, _any_wire(network.cut), IMAGE_SHAPES[data.name])
    except UserError as refused:
        raise UserError(f"{where}: {refused}") from None


def network_like(data: DatasetSettings, network: NetworkSettings) -> BlockNet:
    """Return a network of the same layers, with any weights and a plain wire; calls share it."""
    return _network(network.model, network.small_dense, _any_wire(network.cut), IMAGE_SHAPES[data.name])


def feature_shape_like(data: DatasetSettings, network: NetworkSettings, at: str | int | None) -> tuple[int, ...]:
    """Return the shape of what the edge of such networks sends of one image, (c, h, w) or (c,); calls share it.

    Args:
        data: the images.
        network: the networks.
        at: where whole networks are cut; None for a cut of their own.

    Raises:
        UserError: there is no such cut, none is named for a whole network, or one for a network that has its own.

    """
    return _feature_shape(network.model, network.small_dense, _any_wire(network.cut), IMAGE_SHAPES[data.name], at)


@functools.cache
def _feature_shape(
    model: str, narrow: int | None, cut: CutSettings | None, shape: ImageShape, at: str | int | None
) -> tuple[int, ...]:
    return halves(_network(model, narrow, cut, shape), at).feature_shape(shape.image)


@functools.cache
def _anatomy(model: str, narrow: int | None, cut: CutSettings | None, shape: ImageShape) -> NetworkShapes:
    """Build each network once; many cells share one, and the largest takes a second."""
    built = _network(model, narrow, cut, shape)
    normalises = any(isinstance(part, torch.nn.BatchNorm2d) for part in built.modules())
    return NetworkShapes({name: weight.to("meta") for name, weight in prunable(built).items()}, normalises)


def _any_wire(cut: CutSettings | None) -> CutSettings | None:
    """Return a cut with a plain wire: whatever happens there, all shapes stay the same."""
    return None if cut is None else replace(cut, wire=PlainSettings("plain"))


@functools.cache
def _network(model: str, narrow: int | None, cut: CutSettings | None, shape: ImageShape) -> BlockNet:
    sizes = {"in_channels": shape.channels, "image_size": shape.size, "classes": shape.classes}
    if narrow is not None:
        return small_dense(model, narrow, **sizes, generator=torch.Generator())
    made = blank(model, **sizes, cut=cut)
    reseed(made, 0)  # blocks that are left out at random: as good as any for shapes
    return made
