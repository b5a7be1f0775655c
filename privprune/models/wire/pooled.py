"""Average pooling on the wire: one number per channel is sent. A control for defences that send whole maps.

A network for classes or identities averages its last maps over all positions anyway. Where that is done before the
wire, nothing is left of where anything was, and a map of 8 x 8 positions costs 64 times fewer bytes. A defence that
keeps sending maps has to hide more than this, or to be more useful.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from privprune.models.wire.method import WireMethod, WithoutRandomness
from privprune.models.wire.reducing import ReducingWire


@dataclass(frozen=True)
class PooledSettings(WithoutRandomness):
    """The mean of each channel over its positions is sent; a vector is sent as it is."""

    name: Literal["pooled"]


class Pooled(ReducingWire):
    """Average over positions, in training and in evaluation."""

    def forward(self, features: Tensor) -> Tensor:
        """Map features [batch, channels, height, width] to [batch, channels, 1, 1]."""
        return features if features.dim() == 2 else features.mean((2, 3), keepdim=True)


def pooled(settings: PooledSettings) -> Pooled:
    """Build the wire."""
    del settings
    return Pooled()


METHOD = WireMethod(settings=PooledSettings, build=pooled, examples=({"name": "pooled"},))
