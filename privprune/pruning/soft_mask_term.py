"""The soft masks as a term of the training loop: they scale structures, and change by proximal steps.

    m <- max(0, m - rate * (v + lambda w)),  v = momentum * v + gradient of the other terms

w is 1, or the cost of the structure (`privprune.pruning.sparsity`). GAL's code adds lambda to the gradient and applies
it a second time in the proximal step; here it is applied once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from privprune.pruning.channel_groups import Removable
from privprune.pruning.selection import ANY_WIDTH, StructureMasks, WidthRules
from privprune.pruning.sparsity import SparsityWeights
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step, Term

REVIVED = 0.01  # mask of a channel that came to 0 and stays: with 0, a ReLU behind it would pass it no gradient


def _never(masks: StructureMasks) -> bool:
    """Let the masks change until the end of the phase."""
    del masks
    return False


class MaskSteps(Protocol):
    """How the masks change: the sparsity lambda, their learning rate, and their momentum."""

    @property
    def sparsity(self) -> float:
        """Lambda, the weight of ||m||_1 in the loss."""
        ...

    @property
    def learning_rate(self) -> float:
        """Of the masks, constant."""
        ...

    @property
    def momentum(self) -> float:
        """Of the masks."""
        ...


class SoftMask(Term):
    """The masks of one network: they scale the outputs of its normalisations, and change by proximal steps."""

    def __init__(
        self,
        settings: MaskSteps,
        parts: Removable,
        enough: Callable[[StructureMasks], bool] = _never,
        weights: SparsityWeights | None = None,
        rules: WidthRules = ANY_WIDTH,
    ) -> None:
        """Store the settings and the structures that are masked.

        Args:
            settings: of the steps.
            parts: the structures.
            enough: whether the masks at 0 suffice; asked when an epoch ends, of the masks as they came to 0. Once they
                do, no mask changes any more.
            weights: what the sparsity of each structure is multiplied by; None for 1.
            rules: as many channels of a group as must stay are never drawn to 0.

        """
        self._settings = settings
        self._parts = parts
        self._enough = enough
        self._weights = weights
        self._fewest = [rules.fewest(group) for group in parts.groups]
        self._settled = False
        self._steps = 0
        self._handles: list[RemovableHandle] = []

    def start(self, ensemble: Ensemble) -> None:
        """Set all masks to 1, and register the hooks that scale by them."""
        device = next(ensemble.parameters()).device
        channels = {
            group.name: torch.ones(group.channels, device=device, requires_grad=True) for group in self._parts.groups
        }
        blocks = {name: torch.ones((), device=device, requires_grad=True) for name in self._parts.blocks}
        self.masks = StructureMasks(channels, blocks)
        self._all = [*channels.values(), *blocks.values()]
        self._velocities = [torch.zeros_like(mask) for mask in self._all]
        self._arrivals = [torch.full_like(mask, torch.inf, requires_grad=False) for mask in self._all]
        own = self._weights
        named = [*(own.channels[name] for name in channels), *(own.blocks[name] for name in blocks)] if own else []
        self._sparsities = [self._settings.sparsity * weight for weight in named or [1.0] * len(self._all)]
        for group in self._parts.groups:
            for norm in group.norms:
                self._scale(ensemble.module.get_submodule(norm), channels[group.name])
        for block, norm in self._parts.blocks.items():
            self._scale(ensemble.module.get_submodule(norm), blocks[block])

    def _scale(self, norm: nn.Module, mask: Tensor) -> None:
        self._handles.append(norm.register_forward_hook(_scaling(mask)))

    def penalty(self, step: Step) -> None:
        """Add no penalty, since the sparsity is in the proximal step; clear gradients that other terms have left."""
        for mask in self._all:
            mask.grad = None

    @torch.no_grad()
    def update(self, step: Step) -> None:
        """Step along the gradient of the loss, then towards 0 but never below."""
        if self._settled:
            return
        settings = self._settings
        self._steps += 1
        for number, (mask, velocity) in enumerate(zip(self._all, self._velocities, strict=True)):
            velocity.mul_(settings.momentum)
            if mask.grad is not None:
                velocity.add_(mask.grad)
            moved = mask - settings.learning_rate * (velocity + self._sparsities[number])
            if number < len(self._fewest):
                moved = _spared(moved, mask, self._fewest[number])
            self._arrivals[number] = _arrival(self._arrivals[number], mask, moved, self._steps)
            mask.copy_(moved.clamp_(min=0))
        if step.last_of_epoch:
            self._settled = self._settle()

    def _settle(self) -> bool:
        """Return whether the masks at 0 suffice, and take back those that came there later than was needed.

        An epoch can draw many masks to 0, often a whole layer at once. They are ordered by the moment at which they
        came to 0, and the first of them that suffice stay there.
        """
        arrivals = [arrival.cpu() for arrival in self._arrivals]
        times = torch.cat([arrival.flatten() for arrival in arrivals]).unique()
        times = times[times.isfinite()]
        low, high = 0, len(times)
        while low < high:
            middle = (low + high) // 2
            late = [(arrival > times[middle]).float() for arrival in arrivals]
            low, high = (low, middle) if self._enough(self._as_masks(late)) else (middle + 1, high)
        if low == len(times):
            return False
        for mask, arrival in zip(self._all, self._arrivals, strict=True):
            mask.copy_(torch.where((mask == 0) & (arrival > times[low].to(mask.device)), REVIVED, mask))
        return True

    def _as_masks(self, values: list[Tensor]) -> StructureMasks:
        """Name values in the order of all masks."""
        channels, blocks = list(self.masks.channels), list(self.masks.blocks)
        return StructureMasks(
            dict(zip(channels, values[: len(channels)], strict=True)),
            dict(zip(blocks, values[len(channels) :], strict=True)),
        )

    def measurements(self) -> dict[str, Tensor]:
        """Return the share of masks that are 0, and their mean: [1] each."""
        values = self.masks.values()
        return {"mask_zero_share": (values == 0).float().mean()[None], "mask_mean": values.mean()[None]}

    @property
    def drift(self) -> float:
        """How far the sparsity alone has moved each mask: steps x learning rate x lambda."""
        return self._steps * self._settings.learning_rate * self._settings.sparsity

    def close(self) -> StructureMasks:
        """Remove the hooks, so that the masks no longer act, and return the masks on the CPU."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        return self.masks.detached()


def _arrival(arrival: Tensor, mask: Tensor, moved: Tensor, step: int) -> Tensor:
    """Return when each mask came to 0, in steps with their fraction; infinite for those above 0.

    Args:
        arrival: before the step, [channels] or [].
        mask: before the step.
        moved: after it, below 0 where it passes 0.
        step: number of the step, counted from 1.

    """
    now = step - 1 + mask / (mask - moved).clamp(min=torch.finfo(mask.dtype).tiny)
    return torch.where(moved > 0, torch.inf, torch.where(mask > 0, now, arrival)).detach()


def _spared(moved: Tensor, mask: Tensor, fewest: int) -> Tensor:
    """Let the largest of a group's masks, as many as channels must stay, keep their value where they would reach 0.

    A channel that stays although its mask is 0 would be dead: behind a ReLU, a scale and shift of 0 get no gradient.

    Args:
        moved: the masks after a step, [channels].
        mask: before it.
        fewest: how many must stay.

    """
    largest = torch.zeros_like(moved, dtype=torch.bool).scatter_(0, moved.topk(fewest).indices, value=True)
    return torch.where(largest & (moved <= 0), mask, moved)


def _scaling(mask: Tensor) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    """Return a hook that multiplies features [batch, channels, ...] by a mask, [channels] or []."""

    def scale(norm: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        del norm, inputs
        shape = (-1, *[1] * (output.dim() - 2)) if mask.dim() else ()
        return output * mask.view(shape).to(output.dtype)

    return scale
