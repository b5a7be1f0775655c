"""How much is removed of an edge: the threshold of the masks, as a value or as the share that it removes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch

from privprune.errors import UserError
from privprune.pruning.channel_groups import Removable
from privprune.pruning.edge_cost import EdgeCost, Quantity
from privprune.pruning.selection import Selection, StructureMasks, WidthRules, at_threshold
from privprune.settings import Range

KEY = "method"  # of an entry: the settings of a pruning method
OpenFraction = Annotated[float, Range(0, 1, open_low=True, open_high=True)]


@dataclass(frozen=True)
class FixedThreshold:
    """Remove the structures whose mask is below `value`: tau of PATROL, whose value no accessible source gives."""

    name: Literal["fixed"]
    value: OpenFraction


@dataclass(frozen=True)
class ShareThreshold:
    """Use the smallest tau that removes at least the share `removed` of the edge's parameters or operations.

    The channels with the largest masks of each group, as many as its fewest, are never removed.
    """

    name: Literal["share"]
    removed: OpenFraction
    of: Quantity


Threshold = FixedThreshold | ShareThreshold


@dataclass(frozen=True)
class Removal:
    """What a threshold removes.

    Attributes:
        kept: what stays.
        tau: the threshold; at most the largest mask, with which all is removed that may be.

    """

    kept: Selection
    tau: float


@dataclass(frozen=True)
class Target:
    """A threshold, and what it is measured on.

    Attributes:
        threshold: a value, or a share to remove.
        cost: of the edge with the masks, in the quantity of the share.
        dense: cost of the edge that the share refers to.
        rules: the widths that are allowed.
        key: of the settings in the entry, for messages.

    """

    threshold: Threshold
    cost: EdgeCost
    dense: int
    rules: WidthRules
    key: str = KEY

    def reached(self, kept: Selection) -> bool:
        """Return whether a selection removes the share; False for a fixed threshold."""
        share = self.threshold.removed if isinstance(self.threshold, ShareThreshold) else float("inf")
        return self.dense - self.cost.of(kept) >= share * self.dense

    def choose(self, masks: StructureMasks) -> Removal:
        """Select the structures that stay.

        Raises:
            UserError: the masks are not finite.
            ValueError: the threshold removes nothing, all channels of a group, or less than the share.

        """
        if not masks.values().isfinite().all():
            raise UserError("pruning: the masks are not finite: training diverged, allowed a lower learning rate")
        if isinstance(self.threshold, FixedThreshold):
            return Removal(self._below(self.threshold.value, masks), self.threshold.value)
        taus = sorted({*masks.values().tolist(), float("inf")})
        low, high = 0, len(taus)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.reached(self.at(taus[middle], masks)) else (middle + 1, high)
        if low == len(taus):
            raise ValueError(
                f"{self.key}.threshold.removed: found {self.threshold.removed:g}, more than the edge can lose"
            )
        return Removal(self.at(taus[low], masks), min(taus[low], float(masks.values().max())))

    def enough_at_zero(self, masks: StructureMasks) -> bool:
        """Return whether removing only structures whose mask is 0 removes the share; False for a fixed threshold."""
        if isinstance(self.threshold, FixedThreshold):
            return False
        own = masks.detached()
        kept = self.at(torch.finfo(torch.float32).tiny, own)
        at_zero = all(not own.channels[name][~stays].any() for name, stays in kept.channels.items())
        return at_zero and self.reached(kept)

    def at(self, tau: float, masks: StructureMasks) -> Selection:
        """Select what stays at a threshold tau."""
        return at_threshold(masks, tau, self.cost.parts, self.rules, spare=True)

    def _below(self, tau: float, masks: StructureMasks) -> Selection:
        parts = self.cost.parts
        kept = at_threshold(masks, tau, parts, self.rules, spare=False)
        where = f"{self.key}.threshold.value: found {tau:g}"
        if not kept.removed and all(own.all() for own in kept.channels.values()):
            smallest = float(masks.values().min())
            raise ValueError(f"{where}, which removes nothing, allowed above the smallest mask, {smallest:.3g}")
        for group in parts.groups:
            if not kept.channels[group.name].any():
                largest = float(masks.channels[group.name].max())
                raise ValueError(
                    f"{where}, which removes the whole stage {', '.join(group.producers)}, "
                    f"allowed up to its largest mask, {largest:.3g}"
                )
        return kept

    def check(self) -> None:
        """Validate the threshold against a network before anything is trained.

        Raises:
            ValueError: there is nothing that can be removed, or the share is more than can be removed.

        """
        parts = self.cost.parts
        if not parts.groups and not parts.blocks:
            raise ValueError(f"{self.key}.structures: the edge has none to remove, allowed another kind or a later cut")
        if isinstance(self.threshold, FixedThreshold):
            return
        kept = self.at(1.0, uniform_masks(parts, 0.0))
        if not self.reached(kept):
            most = 1 - self.cost.of(kept) / self.dense
            raise ValueError(
                f"{self.key}.threshold.removed: found {self.threshold.removed:g}, allowed up to {most:.4g} of the "
                f"{self.threshold.of}, where every group has its fewest channels"
            )


def uniform_masks(parts: Removable, value: float) -> StructureMasks:
    """Return masks that are all equal."""
    return StructureMasks(
        {group.name: torch.full((group.channels,), value) for group in parts.groups},
        {name: torch.tensor(value) for name in parts.blocks},
    )
