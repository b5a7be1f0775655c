"""Pruning: budgets, masks, and the methods that find them.

A new method is one file with a settings class, whose `name` is a literal, and a function from networks and budget to a
mask; then one line in `PruningSettings` and one in `METHODS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from privprune.ensemble import Ensemble
from privprune.pruning.admm import AdmmSettings, AdmmTerm, admm
from privprune.pruning.budget import BudgetSettings, Counts, count_kept
from privprune.pruning.magnitude import MagnitudeSettings, magnitude_mask, one_shot_magnitude
from privprune.pruning.mask import Mask
from privprune.pruning.method import Fit
from privprune.pruning.random_mask import RandomSettings, one_shot_random, random_mask
from privprune.pruning.search import Candidate, Choice, SearchSettings, choose_budget
from privprune.training import Plan

PruningSettings = AdmmSettings | MagnitudeSettings | RandomSettings

METHODS: dict[type[Any], Callable[[Any, Ensemble, Counts, Fit, Sequence[torch.Generator]], Mask]] = {
    AdmmSettings: admm,
    MagnitudeSettings: one_shot_magnitude,
    RandomSettings: one_shot_random,
}


def prune(
    settings: PruningSettings,
    ensemble: Ensemble,
    counts: Counts,
    retrain: Plan,
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
    "MagnitudeSettings",
    "Mask",
    "PruningSettings",
    "RandomSettings",
    "SearchSettings",
    "choose_budget",
    "count_kept",
    "magnitude_mask",
    "prune",
    "random_mask",
]
