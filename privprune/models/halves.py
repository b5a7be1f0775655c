"""A network cut in two: the encoder that runs on the edge device, the wire, and the rest that runs in the cloud."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from privprune.errors import UserError
from privprune.models.block_net import BlockNet, split
from privprune.models.cut import WIRE, edge_of
from privprune.models.wire import ReducingWire


@dataclass(frozen=True)
class Halves:
    """The two halves of a network, and the wire between them. They share the weights of the whole network.

    Attributes:
        encoder: what the edge device computes, without the wire; a `ReducingWire` is part of it.
        wire: what happens to the features on their way to the cloud; the identity for a plain wire.
        cloud: the blocks behind the wire.

    """

    encoder: nn.Sequential
    wire: nn.Module
    cloud: BlockNet

    def feature_shape(self, image_shape: tuple[int, int, int]) -> tuple[int, ...]:
        """Compute the shape of the features of one image; leaves the encoder in evaluation mode.

        Args:
            image_shape: (C, H, W).

        Returns:
            (c, h, w) of a feature map, or (c,) of a vector.

        """
        device = next((value.device for value in self.encoder.parameters()), torch.device("cpu"))
        with torch.no_grad():
            features = self.encoder.eval()(torch.zeros(1, *image_shape, device=device))
        return tuple(features.shape[1:])


def cut_in_two(model: BlockNet, cut: str | int | None) -> Halves:
    """Cut a network in two.

    Args:
        model: the network.
        cut: where a whole network is cut, by the name of the last block of the edge or by the number of its blocks; the
            wire is then plain. None for a network that has a cut of its own.

    Raises:
        UserError: the network has no such block, the cut of a whole network is None, or the cut of a network that has
            its own is not None.

    """
    if cut is None:
        edge = edge_of(model)
        if isinstance(edge[-1], ReducingWire):
            return Halves(edge, nn.Identity(), split(model, WIRE)[1])
        return Halves(edge[:-1], edge[-1], split(model, WIRE)[1])
    if WIRE in model.block_names:
        raise UserError(f"cut: found {cut!r} for a network with a cut of its own, allowed null")
    edge, cloud = split(model, cut)
    return Halves(edge, nn.Identity(), cloud)
