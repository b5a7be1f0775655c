"""The registry of pruning methods, and what all of them have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from privprune.checks import Check
from privprune.models import WIRE
from privprune.pruning.budget import Counts
from privprune.pruning.mask import Mask
from privprune.pruning.method import Fit, MaskMethod, PrunedCell, PruningMethod, PruningSettings, RemovalMethod
from privprune.registry import Registry
from privprune.training.ensemble import Ensemble
from privprune.training.loop import TrainingPlan
from privprune.training.trained import Trained

PRUNING: Registry[PruningMethod] = Registry("privprune.pruning", PruningMethod, "privprune.pruning")


def pruning_settings() -> dict[str, type[Any]]:
    """Return the settings class of each method, name -> class."""
    return {name: method.settings for name, method in PRUNING.items()}


def removal_method(settings: PruningSettings) -> RemovalMethod | None:
    """Return the declaration of a method that removes structures, None for one that finds a mask."""
    method = PRUNING[settings.name]
    return method if isinstance(method, RemovalMethod) else None


def removal_methods() -> tuple[str, ...]:
    """Return the names of the methods that remove structures."""
    return tuple(name for name, method in PRUNING.items() if isinstance(method, RemovalMethod))


def check_pruning(settings: PruningSettings, cell: PrunedCell) -> None:
    """Validate a method's settings against the cell that is to be pruned, before anything is trained.

    Args:
        settings: of any method.
        cell: its networks and their training records.

    Raises:
        ValueError: one line, which begins with the key at fault.

    """
    method = PRUNING[settings.name]
    if isinstance(method, RemovalMethod) and WIRE not in cell.shapes.model.block_names:
        raise ValueError(f"method: {method.name} needs networks with a cut, found network.cut: null")
    method.check(settings, cell)


def pruning_checks(settings: PruningSettings, trained: Trained) -> tuple[Check, ...]:
    """Check a cell that was pruned with a method."""
    return PRUNING[settings.name].checks(settings, trained)


def prune(
    settings: PruningSettings,
    ensemble: Ensemble,
    counts: Counts,
    retrain: TrainingPlan,
    fit: Fit,
    generators: Sequence[torch.Generator],
) -> Mask:
    """Find a mask with any `MaskMethod`, apply it, and train the remaining weights.

    Args:
        settings: of the method.
        ensemble: M trained networks, changed in place.
        counts: how many weights each layer keeps, from `count_kept`.
        retrain: how the masked networks are trained at the end; with 0 epochs the mask is applied and nothing else.
        fit: the training loop.
        generators: one per network.

    """
    method = PRUNING[settings.name]
    assert isinstance(method, MaskMethod)  # noqa: S101 (a method that removes structures has no budget)
    mask = method.find_mask(settings, ensemble, counts, fit, generators)
    fit("retrain", retrain, (), mask.kept)
    return mask
