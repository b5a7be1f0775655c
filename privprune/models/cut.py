"""A network cut in two: an edge device runs the first blocks and sends its features, the cloud runs the other blocks.

The cut of ResSFL (CVPR 2022) and CEM (CVPR 2025): a bottleneck of a few channels, whose values lie between 0 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated

import torch
from torch import nn
from torch.func import functional_call

from privprune.annotations import OneOf
from privprune.errors import UserError
from privprune.models.block_net import BlockNet, Shape, block, split
from privprune.models.skip import SkipSettings, skip_on_edge
from privprune.models.wire import WireSettings, build_wire, wire_settings
from privprune.settings import AtLeastOne, Width

WIRE = "wire"  # name of the block whose output is sent to the cloud
_STEM = "stem"
_IN_FRONT = ("normalise", _STEM, "extra")  # blocks that are counted together with the block after them
_EXTRA = 16  # channels of the extra convolution


@dataclass(frozen=True)
class CutSettings:
    """Where and how a network is cut.

    Attributes:
        after: how many of its blocks the edge device runs.
        bottleneck: channels on the wire, made by a 3 x 3 convolution and a sigmoid on the edge and widened again by a
            3 x 3 convolution in the cloud; null to send the last block's output as it is.
        extra_convolution: one more convolution on the edge, which CEM's code gives to what it calls PATROL.
        wire: what happens to the features before they are sent: nothing, noise, or dropping some.
        skip: whether residual blocks of the edge lose their branch at random, or their shortcut; null for neither.

    """

    after: AtLeastOne
    bottleneck: Width | None
    extra_convolution: bool
    wire: Annotated[WireSettings, OneOf(wire_settings)]
    skip: SkipSettings | None = field(default=None, kw_only=True)

    @property
    def random(self) -> bool:
        """Whether two queries with the same image differ, so that an attacker can average them."""
        return self.wire.random or self.random_edge

    @property
    def random_edge(self) -> bool:
        """Whether the features differ between two queries even before the wire."""
        return self.skip is not None and self.skip.random


def input_shape(cut: CutSettings, model: BlockNet, shape: Shape) -> Shape:
    """Return the shape that a network's first block must accept: 16 channels after an extra convolution."""
    in_front = cut.extra_convolution and model.block_names[0] != _STEM
    return replace(shape, in_channels=_EXTRA) if in_front else shape


def cut_network(model: BlockNet, cut: CutSettings, shape: Shape) -> BlockNet:
    """Put bottleneck and wire between the blocks of a network.

    Args:
        model: the network, on the meta device, built for `input_shape`.
        cut: where and how.
        shape: of the images.

    Returns:
        blocks of the edge, `bottleneck`, `wire`, `widen`, blocks of the cloud.

    Raises:
        UserError: the network has no such cut; a bottleneck is asked for where the features are vectors; or `skip` is
            set and the edge has no residual blocks.

    """
    edge, cloud = split(model, cut.after)
    blocks = [*_with_extra(list(edge.named_children()), cut, shape)]
    channels = _channels(BlockNet(blocks), shape)
    if cut.bottleneck is None:
        wire = [(WIRE, build_wire(cut.wire))]
    elif channels is None:
        raise UserError(f"cut.bottleneck: found {cut.bottleneck} after {edge.block_names[-1]}, allowed null there")
    else:
        narrow = block(conv=nn.Conv2d(channels, cut.bottleneck, 3, padding=1), sigmoid=nn.Sigmoid())
        widen = nn.Conv2d(cut.bottleneck, channels, 3, padding=1)
        wire = [("bottleneck", narrow), (WIRE, build_wire(cut.wire)), ("widen", widen)]
    if cut.skip is not None:
        skip_on_edge((module for _, module in blocks), cut.skip)
    return BlockNet([*blocks, *wire, *cloud.named_children()])


def _with_extra(blocks: list[tuple[str, nn.Module]], cut: CutSettings, shape: Shape) -> list[tuple[str, nn.Module]]:
    """Add CEM's extra convolution: with normalisation before the first block, or after a stem without normalisation."""
    if not cut.extra_convolution:
        return blocks
    if blocks[0][0] != _STEM:
        conv = nn.Conv2d(shape.in_channels, _EXTRA, 3, padding=1)
        return [("extra", block(conv=conv, norm=nn.BatchNorm2d(_EXTRA), relu=nn.ReLU())), *blocks]
    channels = _channels(BlockNet(blocks[:1]), shape)
    assert channels is not None  # noqa: S101 (a stem is a convolution, so its output has channels)
    return [blocks[0], ("extra", nn.Conv2d(channels, channels, 3, padding=1)), *blocks[1:]]


def _channels(edge: BlockNet, shape: Shape) -> int | None:
    """Return the number of channels of an edge's feature maps, None where its features are vectors."""
    images = torch.zeros(1, shape.in_channels, shape.image_size, shape.image_size, device="cpu")
    # On the CPU, since the first convolution on `meta` would import PyTorch's compiler: seconds in every stage.
    values = {
        name: torch.zeros(value.shape, dtype=value.dtype, device="cpu") for name, value in edge.state_dict().items()
    }
    with torch.no_grad():
        features = functional_call(edge.eval(), values, (images,))
    edge.train()
    return features.shape[1] if features.dim() == 4 else None


def edge_of(model: BlockNet) -> BlockNet:
    """Return the part of a network with a cut that the edge device runs, its wire included.

    Raises:
        UserError: the network has no cut of its own.

    """
    if WIRE not in model.block_names:
        raise UserError("cut: found a whole network, allowed one with network.cut, or a cut of the attack's own")
    return split(model, WIRE)[0]


def edge_parts(edge: BlockNet) -> list[nn.Sequential]:
    """Group the layers of the edge into the blocks f_1 to f_N of PATROL.

    Args:
        edge: the network up to its wire, with or without it, or a whole network with a wire.

    Returns:
        one sequence of modules per block; stem, normalisation of the images and extra convolution belong to the block
        after them, and the bottleneck is a block by itself.

    """
    parts: list[list[nn.Module]] = [[]]
    for name, module in edge.named_children():
        if name == WIRE:
            break
        parts[-1].append(module)
        if name not in _IN_FRONT:
            parts.append([])
    return [nn.Sequential(*part) for part in parts if part]
