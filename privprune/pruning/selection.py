"""Which structures of an edge stay: by their masks, a threshold, and the widths that layers may have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from privprune.pruning.channel_groups import CoupledChannels, Removable


@dataclass(frozen=True)
class StructureMasks:
    """The soft masks: one value per structure.

    Attributes:
        channels: name of a group -> float [channels].
        blocks: name of a residual block -> float [].

    """

    channels: dict[str, Tensor]
    blocks: dict[str, Tensor]

    def values(self) -> Tensor:
        """Return all values, float [masks]."""
        return torch.cat([value.detach().flatten() for value in (*self.channels.values(), *self.blocks.values())])

    def detached(self) -> StructureMasks:
        """Return the values on the CPU, without gradients."""
        channels = {name: mask.detach().cpu() for name, mask in self.channels.items()}
        return StructureMasks(channels, {name: mask.detach().cpu() for name, mask in self.blocks.items()})


@dataclass(frozen=True)
class Selection:
    """Which structures of a network stay.

    Attributes:
        channels: name of a group -> bool [channels], true for those that stay.
        removed: residual blocks that lose their branch.

    """

    channels: dict[str, Tensor]
    removed: tuple[str, ...]


@dataclass(frozen=True)
class WidthRules:
    """How many channels a group may be left with.

    Runtimes compute channels in vectors of 4 or 8, so that other widths save less time than they save operations.

    Attributes:
        multiple: widths are rounded up to multiples of this; a group of fewer or other channels may keep all.
        least: fewest channels of a group, rounded up in the same way.
        fixed: group -> the number of channels that it is left with, whatever the threshold.

    """

    multiple: int = 1
    least: int = 1
    fixed: Mapping[str, int] = field(default_factory=dict)

    def width(self, group: CoupledChannels, wanted: int) -> int:
        """Return how many channels stay where `wanted` have masks that are large enough."""
        return self.fixed.get(group.name, self.rounded(group, max(wanted, self.least)))

    def fewest(self, group: CoupledChannels) -> int:
        """Return the fewest channels that a group can be left with."""
        return self.width(group, 0)

    def rounded(self, group: CoupledChannels, wanted: int) -> int:
        """Round a number of channels up to a multiple, at most all."""
        return min(group.channels, -(-wanted // self.multiple) * self.multiple)


ANY_WIDTH = WidthRules()


def at_threshold(
    masks: StructureMasks, tau: float, parts: Removable, rules: WidthRules = ANY_WIDTH, *, spare: bool
) -> Selection:
    """Select the structures whose mask is at least tau.

    Args:
        masks: those of the structures in `parts`.
        tau: the threshold.
        parts: what can be removed.
        rules: the widths that are allowed; where more channels must stay, they are those with the largest masks.
        spare: whether to keep the fewest channels that are allowed where a group would lose all.

    """
    removed = tuple(name for name in parts.blocks if float(masks.blocks[name]) < tau)
    channels = {}
    for group in parts.groups:
        mask = masks.channels[group.name]
        wanted = int((mask >= tau).sum())
        if any(group.inside(block) for block in removed):
            channels[group.name] = torch.ones_like(mask, dtype=torch.bool)  # they are removed with the branch
        else:
            channels[group.name] = top_channels(mask, rules.width(group, wanted) if wanted or spare else 0)
    return Selection(channels, removed)


def top_channels(mask: Tensor, count: int) -> Tensor:
    """Return which `count` channels have the largest values of a mask, the first of equal ones: bool [channels]."""
    kept = torch.zeros_like(mask, dtype=torch.bool)
    kept[mask.argsort(descending=True, stable=True)[:count]] = True
    return kept
