"""How strongly each mask is drawn to 0: all alike, or in proportion to what its structure costs the edge.

With weights that are costs, the sum of the masks is a relaxation of the edge's cost: a structure that costs twice as
much must be worth twice as much to the loss. Channels and blocks are weighted apart, each by the mean over its kind:
the branch of a block costs hundreds of channels, and would fall to 0 in the first step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch

from privprune.models import BlockNet
from privprune.pruning.channel_groups import Removable
from privprune.pruning.edge_cost import edge_cost
from privprune.pruning.selection import StructureMasks
from privprune.pruning.threshold import FixedThreshold, Target

Weighing = Literal["equal", "parameters", "operations"]


@dataclass(frozen=True)
class SparsityWeights:
    """What lambda is multiplied by, for each channel of a group and for each block; the mean over a kind is 1."""

    channels: Mapping[str, float]
    blocks: Mapping[str, float]

    @property
    def least(self) -> float:
        """The smallest weight."""
        return min(*self.channels.values(), *self.blocks.values(), float("inf"))

    def at_least(self, weight: float, parts: Removable) -> StructureMasks:
        """Return masks that are 0 for structures of at least this weight, and 1 for the others."""
        channels = {
            group.name: torch.full((group.channels,), float(self.channels[group.name] < weight))
            for group in parts.groups
        }
        return StructureMasks(
            channels, {name: torch.tensor(float(self.blocks[name] < weight)) for name in parts.blocks}
        )


def sparsity_weights(
    weighing: Weighing, parts: Removable, model: BlockNet, image_shape: tuple[int, int, int]
) -> SparsityWeights:
    """Return the weight of each structure.

    Args:
        weighing: by what.
        parts: the structures.
        model: the network.
        image_shape: (C, H, W).

    """
    if weighing == "equal":
        return SparsityWeights({group.name: 1.0 for group in parts.groups}, dict.fromkeys(parts.blocks, 1.0))
    cost = edge_cost(model, parts, weighing, image_shape)
    channels = {group.name: float(cost.price(group.name)) for group in parts.groups}
    blocks = {name: float(cost.price(name)) for name in parts.blocks}
    count = sum(group.channels for group in parts.groups)
    mean = sum(group.channels * channels[group.name] for group in parts.groups) / max(count, 1)
    of_blocks = sum(blocks.values()) / max(len(blocks), 1)
    return SparsityWeights(
        {name: price / mean for name, price in channels.items()},
        {name: price / of_blocks for name, price in blocks.items()},
    )


def needed_weight(weights: SparsityWeights, target: Target) -> float:
    """Return the largest weight such that the structures of at least this weight suffice for the target.

    Masks of this weight have to reach 0, so that a phase is too short if the sparsity cannot move them that far. For a
    fixed threshold it is the smallest weight. A group with a fixed width has to lose its channels in any case.

    Args:
        weights: of all structures.
        target: what is to be removed.

    """
    every = sorted({*weights.channels.values(), *weights.blocks.values()}, reverse=True)
    forced = min((weights.channels[name] for name in target.rules.fixed), default=float("inf"))
    if isinstance(target.threshold, FixedThreshold):
        return weights.least
    parts = target.cost.parts
    enough = (weight for weight in every if target.reached(target.at(0.5, weights.at_least(weight, parts))))
    return min(next(enough, weights.least), forced)
