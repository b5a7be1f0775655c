"""Structured pruning by a trainable soft mask: PATROL (Ding et al., WACV 2024), README of its authors.

"To remove structures, such as channels or blocks, we introduce a trainable soft mask m to scale the output of
structures"; after training, those with m < tau are removed. No accessible source gives the regulariser of m. The
wording is that of GAL (Lin et al., CVPR 2019), hence lambda ||m||_1 with m >= 0, minimised by proximal steps
(`privprune.pruning.soft_mask_term`).

Where a share is to be removed, masks no longer change once those at 0 make up the share (our choice): lambda would
otherwise draw all of them to 0, one epoch more or less would decide how much is left, and no share could be set.

Masks start at 1 (our choice; GAL draws them), so that training starts from the unchanged network. Weights of lambda,
widths and the share of what goes on the wire are ours too.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from privprune.checks import Check, check
from privprune.models import BlockNet, count_parameters, edge_of, structure_of
from privprune.pruning.channel_groups import Removable, removable, wire_group
from privprune.pruning.distillation import Distillation
from privprune.pruning.edge_cost import Quantity, edge_cost
from privprune.pruning.method import EXAMPLE_PLAN, Fit, PrunedCell, RemovalMethod, Removed
from privprune.pruning.removal import fold, remove
from privprune.pruning.selection import Selection, StructureMasks, WidthRules
from privprune.pruning.soft_mask_settings import SoftMaskSettings
from privprune.pruning.soft_mask_term import REVIVED, SoftMask
from privprune.pruning.sparsity import needed_weight, sparsity_weights
from privprune.pruning.threshold import KEY, Removal, ShareThreshold, Target
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Term
from privprune.training.trained import Trained

LEAST_DRIFT = 1.0  # masks start at 1: with less, none can reach 0, and removal chooses by rank among like masks
AT_ZERO = 1.0  # share of what is removed: what is not scaled to 0 is still in use (issue 13: mAP .378 to .140)


@dataclass(frozen=True)
class MaskPhase:
    """What the phase of masks found of one network.

    Attributes:
        parts: the structures that were masked.
        masks: their masks at its end.
        removal: what is to be removed, and at which threshold.
        measured: metrics, by their names in a record.

    """

    parts: Removable
    masks: StructureMasks
    removal: Removal
    measured: dict[str, float]


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
    phase = train_masks(settings, ensemble, dense, image_shape, fit)
    kept = phase.removal.kept
    fold(model, _revived(phase.masks, kept), phase.parts)
    smaller = remove(model, phase.parts, kept, image_shape)
    return Removed(smaller, {**phase.measured, **sizes(dense, smaller, image_shape)})


def train_masks(
    settings: SoftMaskSettings,
    ensemble: Ensemble,
    dense: BlockNet,
    image_shape: tuple[int, int, int],
    fit: Fit,
    key: str = KEY,
) -> MaskPhase:
    """Train masks and weights, and select what is to be removed; arguments and errors as for `soft_mask`.

    `key` is that of the settings in the entry, for messages.
    """
    model = ensemble.module
    assert isinstance(model, BlockNet)  # noqa: S101 (a network with a cut is never a stack)
    parts = removable(model, image_shape).only(settings.structures)
    target = _target(settings, parts, model, dense, image_shape, key)
    weights = sparsity_weights(settings.weigh, parts, model, image_shape)
    term = SoftMask(settings, parts, target.enough_at_zero, weights, target.rules)
    fit("mask", settings.plan, (term,), {})
    masks = term.close()
    removal = target.choose(masks)
    measured = {
        "mask_drift": term.drift * needed_weight(weights, target),
        "mask_tau": removal.tau,
        "masks_at_zero": (masks.values() == 0).float().mean().item(),
        "removed_at_zero": _at_zero(masks, removal.kept),
    }
    return MaskPhase(parts, masks, removal, measured)


def sizes(dense: BlockNet, smaller: BlockNet, image_shape: tuple[int, int, int]) -> dict[str, float]:
    """Return the metrics of a removal: parameters and operations of the edge before and after, and removed blocks.

    Args:
        dense: the network as its architecture defines it.
        smaller: what is left of it.
        image_shape: (C, H, W).

    """
    nothing = Removable((), {})
    before, left = (count_parameters(edge_of(model)) for model in (dense, smaller))
    work = [edge_cost(model, nothing, "operations", image_shape).of(None) for model in (dense, smaller)]
    return {
        "edge_parameters_dense": float(before),
        "edge_parameters_left": float(left),
        "edge_removed": 1 - left / before,
        "edge_operations_removed": 1 - work[1] / work[0],
        "blocks_removed": float(len(structure_of(dense, smaller).removed)),
    }


def _target(
    settings: SoftMaskSettings,
    parts: Removable,
    model: BlockNet,
    dense: BlockNet,
    image_shape: tuple[int, int, int],
    key: str,
) -> Target:
    """Return what is to be removed of a network.

    Raises:
        ValueError: the wire has a share of its own, and what goes on it cannot be removed.

    """
    of: Quantity = settings.threshold.of if isinstance(settings.threshold, ShareThreshold) else "parameters"
    whole = edge_cost(dense, Removable((), {}), of, image_shape).of(None)
    rules = WidthRules(settings.widths.multiple, settings.widths.least, {})
    if settings.wire_removed is not None:
        group = wire_group(model, parts)
        if group is None:
            raise ValueError(
                f"{key}.wire_removed: found {settings.wire_removed:g}, allowed null "
                "(what this edge sends has no channels that can be removed)"
            )
        left = rules.width(group, math.ceil((1 - settings.wire_removed) * group.channels))
        rules = WidthRules(rules.multiple, rules.least, {group.name: left})
    return Target(settings.threshold, edge_cost(model, parts, of, image_shape), whole, rules, key)


def _revived(masks: StructureMasks, kept: Selection) -> StructureMasks:
    """Give the channels that stay for the sake of a layer's width, although their mask is 0, a small mask."""
    channels = {
        name: torch.where(kept.channels[name] & (mask == 0), REVIVED, mask) for name, mask in masks.channels.items()
    }
    return StructureMasks(channels, masks.blocks)


def check_settings(settings: SoftMaskSettings, cell: PrunedCell, key: str = KEY) -> None:
    """Validate the threshold against what can be removed of an edge, and the length of the phase against the masks.

    `key` is that of the settings in the entry, for messages.

    Raises:
        ValueError: there is nothing to remove, the share is more than can be removed, or the masks, which start at 1,
            cannot reach 0 in the steps of the phase.

    """
    model, image = cell.shapes.model, cell.shapes.image
    parts = _removable(model, image).only(settings.structures)
    target = _target(settings, parts, model, model, image, key)
    target.check()
    weight = needed_weight(sparsity_weights(settings.weigh, parts, model, image), target)
    steps = cell.steps(settings.plan)
    drift = steps * settings.learning_rate * settings.sparsity * weight
    if drift <= LEAST_DRIFT:
        needed = LEAST_DRIFT / (steps * settings.learning_rate * weight)
        by_cost = "" if settings.weigh == "equal" else f" of weight {weight:.2g}, which the share needs,"
        raise ValueError(
            f"{key}.sparsity: found {settings.sparsity:g}, by which a mask{by_cost} falls {drift:.2g} in {steps} "
            f"steps, allowed above {needed:.3g} or more epochs (masks start at 1)"
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


def retraining(settings: SoftMaskSettings, teacher: BlockNet) -> tuple[Term, ...]:
    """Return the terms of the retraining: distillation from the dense network, if it is asked for."""
    return () if settings.distillation is None else (Distillation(settings.distillation, teacher),)


def _at_zero(masks: StructureMasks, kept: Selection) -> float:
    """Return the share of the removed structures whose mask is 0; those inside a removed branch do not count."""
    gone = [masks.channels[name][~own] for name, own in kept.channels.items()]
    gone += [masks.blocks[name][None] for name in kept.removed]
    return (torch.cat(gone) == 0).float().mean().item()


@functools.cache
def _removable(model: BlockNet, image_shape: tuple[int, int, int]) -> Removable:
    """Trace each network object once: that takes seconds for a large one, and the entries of a suite share it."""
    return removable(model, image_shape)


EXAMPLE_MASKS: Mapping[str, object] = {
    "name": "soft_mask",
    "sparsity": 0.1,
    "weigh": "equal",
    "learning_rate": 0.05,
    "momentum": 0.9,
    "structures": "both",
    "widths": {"multiple": 1, "least": 1},
    "wire_removed": None,
    "threshold": {"name": "share", "removed": 0.5, "of": "parameters"},
    "distillation": None,
    "plan": EXAMPLE_PLAN,
}
METHOD = RemovalMethod(
    settings=SoftMaskSettings,
    remove=soft_mask,
    plan=operator.attrgetter("plan"),
    check=check_settings,
    checks=checks,
    retraining=retraining,
    examples=(
        EXAMPLE_MASKS,
        {
            **EXAMPLE_MASKS,
            "sparsity": 0.3,
            "weigh": "operations",
            "widths": {"multiple": 2, "least": 2},
            "wire_removed": 0.25,
            "threshold": {"name": "share", "removed": 0.4, "of": "operations"},
            "distillation": {"loss": "divergence", "weight": 0.5, "temperature": 4.0},
        },
    ),
)
