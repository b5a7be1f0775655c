"""Structured pruning by a trainable soft mask: PATROL (Ding et al., WACV 2024), README of its authors.

"To remove structures, such as channels or blocks, we introduce a trainable soft mask m to scale the output of
structures"; after training, those with m < tau are removed. No accessible source gives the regulariser of m. The
wording is that of GAL (Lin et al., CVPR 2019), hence lambda ||m||_1 with m >= 0, minimised by proximal steps:

    m <- max(0, m - rate * (v + lambda)),  v = momentum * v + gradient of the other terms

Where a share is to be removed, masks no longer change once those at 0 make up the share (our choice): lambda would
otherwise draw all of them to 0, one epoch more or less would decide how much is left, and no share could be set.

GAL's code adds lambda to the gradient and applies it a second time in the proximal step; here it is applied once. Masks
start at 1 (our choice; GAL draws them), so that training starts from the unchanged network.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from privprune.checks import Check, check
from privprune.models import BlockNet, count_parameters, edge_of, structure_of
from privprune.pruning.channel_groups import Removable, Structures, removable
from privprune.pruning.method import EXAMPLE_PLAN, Fit, PrunedCell, RemovalMethod, Removed
from privprune.pruning.removal import (
    Selection,
    StructureMasks,
    Threshold,
    check_threshold,
    choose,
    enough_at_zero,
    fold,
    remove,
)
from privprune.settings import Fraction, NonNegative, Positive
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step, Term, TrainingPlan
from privprune.training.trained import Trained

LEAST_DRIFT = 1.0  # masks start at 1: with less, none can reach 0, and removal chooses by rank among like masks
AT_ZERO = 1.0  # share of what is removed: what is not scaled to 0 is still in use (issue 13: mAP .378 to .140)


@dataclass(frozen=True)
class SoftMaskSettings:
    """The phase in which masks and weights are trained together, and what is removed after it.

    Attributes:
        sparsity: lambda, the weight of ||m||_1 in the loss.
        learning_rate: of the masks, constant.
        momentum: of the masks.
        structures: which structures of the edge are masked.
        threshold: tau, as a value or as the share of the parameters that it removes.
        plan: how the weights are trained together with the masks; fine-tuning is set by the entry, as for every method.

    """

    name: Literal["soft_mask"]
    sparsity: NonNegative
    learning_rate: Positive
    momentum: Fraction
    structures: Structures
    threshold: Threshold
    plan: TrainingPlan

    def __post_init__(self) -> None:
        """Refuse a phase in which no mask changes."""
        if self.plan.epochs < 1:
            raise ValueError(f"plan.epochs: found {self.plan.epochs}, allowed at least 1")


def _never(masks: StructureMasks) -> bool:
    """Let the masks change until the end of the phase."""
    del masks
    return False


class SoftMask(Term):
    """The masks of one network: they scale the outputs of its normalisations, and change by proximal steps."""

    def __init__(
        self, settings: SoftMaskSettings, parts: Removable, enough: Callable[[StructureMasks], bool] = _never
    ) -> None:
        """Store the settings and the structures that are masked.

        Args:
            settings: of the method.
            parts: the structures.
            enough: whether the masks at 0 suffice; asked when an epoch ends. Once they do, no mask changes any more.

        """
        self._settings = settings
        self._parts = parts
        self._enough = enough
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
        for mask, velocity in zip(self._all, self._velocities, strict=True):
            velocity.mul_(settings.momentum)
            if mask.grad is not None:
                velocity.add_(mask.grad)
            mask.sub_(settings.learning_rate * (velocity + settings.sparsity)).clamp_(min=0)
        if step.last_of_epoch:
            self._settled = self._enough(self.masks)

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
        channels = {name: mask.detach().cpu() for name, mask in self.masks.channels.items()}
        return StructureMasks(channels, {name: mask.detach().cpu() for name, mask in self.masks.blocks.items()})


def _scaling(mask: Tensor) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    """Return a hook that multiplies features [batch, channels, ...] by a mask, [channels] or []."""

    def scale(norm: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        del norm, inputs
        shape = (-1, *[1] * (output.dim() - 2)) if mask.dim() else ()
        return output * mask.view(shape).to(output.dtype)

    return scale


def soft_mask(
    settings: SoftMaskSettings, ensemble: Ensemble, dense: BlockNet, image_shape: tuple[int, int, int], fit: Fit
) -> Removed:
    """Train masks and weights of one network with a cut, and remove the structures whose masks are small.

    Args:
        settings: of the method.
        ensemble: one trained network, changed in place.
        dense: the network as its architecture defines it; the share removed refers to its edge.
        image_shape: (C, H, W).
        fit: the training loop.

    Raises:
        UserError: the masks have diverged.
        ValueError: the threshold removes nothing, all channels of a group, or less than its share.

    """
    model = ensemble.module
    assert isinstance(model, BlockNet)  # noqa: S101 (a network with a cut is never a stack)
    parts = removable(model, image_shape).only(settings.structures)
    before = count_parameters(edge_of(dense))

    def enough(found: StructureMasks) -> bool:
        return enough_at_zero(settings.threshold, parts, model, before, found)

    term = SoftMask(settings, parts, enough)
    fit("mask", settings.plan, (term,), {})
    masks = term.close()
    kept = choose(settings.threshold, masks, parts, model, before)
    fold(model, masks, parts)
    smaller = remove(model, parts, kept, image_shape)
    left = count_parameters(edge_of(smaller))
    measured = {
        "edge_parameters_dense": float(before),
        "edge_parameters_left": float(left),
        "edge_removed": 1 - left / before,
        "blocks_removed": float(len(structure_of(dense, smaller).removed)),
        "mask_drift": term.drift,
        "removed_at_zero": _at_zero(masks, kept),
    }
    return Removed(smaller, measured)


def check_settings(settings: SoftMaskSettings, cell: PrunedCell) -> None:
    """Validate the threshold against what can be removed of an edge, and the length of the phase against the masks.

    Raises:
        ValueError: there is nothing to remove, the share is more than can be removed, or the masks, which start at 1,
            cannot reach 0 in the steps of the phase.

    """
    shapes = cell.shapes
    parts = _removable(shapes.model, shapes.image).only(settings.structures)
    check_threshold(settings.threshold, parts, shapes.model)
    steps = cell.steps(settings.plan)
    drift = steps * settings.learning_rate * settings.sparsity
    if drift <= LEAST_DRIFT:
        needed = LEAST_DRIFT / (steps * settings.learning_rate)
        raise ValueError(
            f"method.sparsity: found {settings.sparsity:g}, by which a mask falls {drift:.2g} in {steps} steps, "
            f"allowed above {needed:.3g} or more epochs (masks start at 1)"
        )


def checks(settings: SoftMaskSettings, trained: Trained) -> tuple[Check, ...]:
    """Check that masks could reach 0, and that what was removed had been scaled to 0 before."""
    del settings
    drift = "steps x learning rate x sparsity, the way that the sparsity alone moves a mask, which starts at 1"
    share = "share of the removed structures whose mask was 0 before the removal"
    return (
        check("drift", trained.measured.get("mask_drift", ()), "above", LEAST_DRIFT, drift),
        check("removed masks at zero", trained.measured.get("removed_at_zero", ()), "at least", AT_ZERO, share),
    )


def _at_zero(masks: StructureMasks, kept: Selection) -> float:
    """Return the share of the removed structures whose mask is 0; those inside a removed branch do not count."""
    gone = [masks.channels[name][~own] for name, own in kept.channels.items()]
    gone += [masks.blocks[name][None] for name in kept.removed]
    return (torch.cat(gone) == 0).float().mean().item()


@functools.cache
def _removable(model: BlockNet, image_shape: tuple[int, int, int]) -> Removable:
    """Trace each network object once: that takes seconds for a large one, and the entries of a suite share it."""
    return removable(model, image_shape)


METHOD = RemovalMethod(
    settings=SoftMaskSettings,
    remove=soft_mask,
    plan=operator.attrgetter("plan"),
    check=check_settings,
    checks=checks,
    examples=(
        {
            "name": "soft_mask",
            "sparsity": 0.1,
            "learning_rate": 0.05,
            "momentum": 0.9,
            "structures": "both",
            "threshold": {"name": "share", "removed": 0.5},
            "plan": EXAMPLE_PLAN,
        },
    ),
)
