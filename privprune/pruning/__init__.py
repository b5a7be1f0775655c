"""Pruning: budgets, masks, and the methods that find them; the soft mask, after which channels are gone for good.

A new method is one file with a settings class, whose `name` is a literal, and a function from networks and budget to a
mask; then one line in `MaskSettings` and one in `METHODS`. The soft mask has no budget and gives a smaller network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from privprune.pruning.admm import AdmmSettings, AdmmTerm, admm
from privprune.pruning.budget import BudgetSettings, Counts, count_kept
from privprune.pruning.channel_groups import Removable, removable
from privprune.pruning.magnitude import MagnitudeSettings, magnitude_mask, one_shot_magnitude
from privprune.pruning.mask import Mask
from privprune.pruning.method import Fit
from privprune.pruning.random_mask import RandomSettings, one_shot_random, random_mask
from privprune.pruning.removal import FixedThreshold, ShareThreshold, check_threshold
from privprune.pruning.search import Candidate, Choice, SearchSettings, choose_budget
from privprune.pruning.soft_mask import Removed, SoftMask, SoftMaskSettings, soft_mask
from privprune.training.ensemble import Ensemble
from privprune.training.loop import TrainingPlan

MaskSettings = AdmmSettings | MagnitudeSettings | RandomSettings
PruningSettings = AdmmSettings | MagnitudeSettings | RandomSettings | SoftMaskSettings

METHODS: dict[type[Any], Callable[[Any, Ensemble, Counts, Fit, Sequence[torch.Generator]], Mask]] = {
    AdmmSettings: admm,
    MagnitudeSettings: one_shot_magnitude,
    RandomSettings: one_shot_random,
}


def prune(
    settings: MaskSettings,
    ensemble: Ensemble,
    counts: Counts,
    retrain: TrainingPlan,
    fit: Fit,
    generators: Sequence[torch.Generator],
) -> Mask:
    """Prune networks with any method, and train what is left.

    Args:
        settings: of the method.
        ensemble: M trained networks, changed in place.
        counts: how many weights each layer keeps, from `count_kept`.
        retrain: how the masked networks are trained at the end; 0 epochs apply the mask and nothing else.
        fit: the training loop.
        generators: one per network.

    """
    mask = METHODS[type(settings)](settings, ensemble, counts, fit, generators)
    fit("retrain", retrain, (), mask.kept)
    return mask


__all__ = [
    "METHODS",
    "AdmmSettings",
    "AdmmTerm",
    "BudgetSettings",
    "Candidate",
    "Choice",
    "Counts",
    "Fit",
    "FixedThreshold",
    "MagnitudeSettings",
    "Mask",
    "MaskSettings",
    "PruningSettings",
    "RandomSettings",
    "Removable",
    "Removed",
    "SearchSettings",
    "ShareThreshold",
    "SoftMask",
    "SoftMaskSettings",
    "check_threshold",
    "choose_budget",
    "count_kept",
    "magnitude_mask",
    "prune",
    "random_mask",
    "removable",
    "soft_mask",
]
