"""Pruning that is killed and goes on, with every method."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from interruption import interrupted, same
from residual_toys import SHAPE, residual
from test_methods import settings_of
from test_soft_mask import network, settings_with

from privprune.checkpoints.store import NONE, Checkpoints
from privprune.pruning import METHODS, Fit, prune, soft_mask
from privprune.training.batches import TrainingData
from privprune.training.ensemble import Ensemble
from privprune.training.loop import History, Masks, Term, TrainingPlan, train


def fit_with(
    ensemble: Ensemble, data: TrainingData, generators: list[torch.Generator], checkpoints: Checkpoints
) -> tuple[Fit, list[History]]:
    """Return the training loop, each phase of which has checkpoints of its own, and the histories to come."""
    histories: list[History] = []

    def run(phase: str, plan: TrainingPlan, terms: Sequence[Term], masks: Masks) -> None:
        where: Any = {"checkpoints": checkpoints, "name": f"{len(histories)} {phase}"}
        histories.append(train(ensemble, data, plan, generators, terms=terms, masks=masks, **where))

    return run, histories


@pytest.mark.parametrize("lives", [(1, 5), (3, 3), (2, 2, 2)], ids=str)
@pytest.mark.parametrize("number", range(len(METHODS)))
def test_a_method_killed_in_any_phase_ends_with_the_same_bits(
    toy: Any, tmp_path: Path, number: int, lives: tuple[int, ...]
) -> None:
    """Weights, masks and the histories of all phases are those of undisturbed pruning, and no epoch is done twice."""
    settings = settings_of(toy)[number]
    retrain = toy.plan(6 if number else 2)  # ADMM has two phases of two epochs before

    def pruned(checkpoints: Checkpoints) -> list[Any]:
        ensemble, generators = Ensemble(toy.normalised(0, 1)), toy.generators(0, 1)
        counts = {name: weight[0].numel() // 5 for name, weight in ensemble.weights().items()}
        fit, histories = fit_with(ensemble, toy.data(2), generators, checkpoints)
        mask = prune(settings, ensemble, counts, retrain, fit, generators)
        return [ensemble.state_dicts(), mask.kept, histories]

    same(interrupted(pruned, tmp_path, *lives), pruned(NONE))


@pytest.mark.parametrize("lives", [(1, 4), (2, 3), (1, 2, 1, 1)], ids=str)
def test_a_soft_mask_killed_in_any_phase_ends_with_the_same_bits(
    toy: Any, tmp_path: Path, lives: tuple[int, ...]
) -> None:
    """What is removed, and the smaller network after its retraining, are those of undisturbed pruning."""
    images = torch.randint(0, 256, (24, *SHAPE), dtype=torch.uint8, generator=torch.Generator().manual_seed(4))
    data = TrainingData(images, torch.arange(24) % 4, torch.arange(24)[None])
    settings = settings_with(toy, plan=toy.plan(3, batch=8))

    def pruned(checkpoints: Checkpoints) -> list[Any]:
        generators = toy.generators(0)
        ensemble = network()
        fit, first = fit_with(ensemble, data, generators, checkpoints)
        removed = soft_mask(settings, ensemble, residual(), SHAPE, fit)
        smaller = Ensemble([removed.model])
        fit, second = fit_with(smaller, data, generators, checkpoints)
        fit("retrain", toy.plan(2, batch=8), (), {})
        return [smaller.state_dicts(), removed.kept.channels, removed.measured, first, second]

    same(interrupted(pruned, tmp_path, *lives), pruned(NONE))
