"""Pruning that is killed and goes on, with every method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from interruption import interrupted, same
from pruning_examples import masking, removal_of, removing, settings_of
from residual_toys import SHAPE, residual

from privprune.checkpoints.store import NONE, Checkpoints
from privprune.pruning import Fit, prune
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


def spent(histories: list[History]) -> int:
    """Count the epochs of all phases."""
    return sum(len(history["loss"]) for history in histories)


@pytest.mark.parametrize("lives", [(1,), (3,), (2, 2)], ids=str)
@masking
def test_a_mask_method_killed_in_any_phase_ends_with_the_same_bits(
    toy: Any, tmp_path: Path, example: Mapping[str, Any], lives: tuple[int, ...]
) -> None:
    """Weights, masks and the histories of all phases are those of undisturbed pruning, and no epoch is done twice."""

    def pruned(checkpoints: Checkpoints) -> list[Any]:
        ensemble, generators = Ensemble(toy.normalised(0, 1)), toy.generators(0, 1)
        counts = {name: weight[0].numel() // 5 for name, weight in ensemble.weights().items()}
        fit, histories = fit_with(ensemble, toy.data(2), generators, checkpoints)
        mask = prune(settings_of(example), ensemble, counts, toy.plan(6), fit, generators)
        return [ensemble.state_dicts(), mask.kept, histories]

    undisturbed = pruned(NONE)
    same(interrupted(pruned, tmp_path, *lives, spent(undisturbed[-1]) - sum(lives)), undisturbed)


@pytest.mark.parametrize("lives", [(1,), (2,), (1, 2)], ids=str)
@removing
def test_a_removal_killed_in_any_phase_ends_with_the_same_bits(
    toy: Any, tmp_path: Path, example: Mapping[str, Any], lives: tuple[int, ...]
) -> None:
    """What is removed, and the smaller network after its retraining, are those of undisturbed pruning."""
    images = torch.randint(0, 256, (24, *SHAPE), dtype=torch.uint8, generator=torch.Generator().manual_seed(4))
    data = TrainingData(images, torch.arange(24) % 4, torch.arange(24)[None])
    method, settings = removal_of(example), settings_of(example)

    def pruned(checkpoints: Checkpoints) -> list[Any]:
        generators, model, chance = toy.generators(0), residual(), torch.Generator().manual_seed(0)
        for value in model.parameters():
            value.data = torch.randn(value.shape, generator=chance) * 0.3
        fit, first = fit_with(ensemble := Ensemble([model]), data, generators, checkpoints)
        removed = method.remove(settings, ensemble, residual(), SHAPE, fit)
        smaller = Ensemble([removed.model])
        fit, second = fit_with(smaller, data, generators, checkpoints)
        fit("retrain", toy.plan(2, batch=8), (), {})
        return [smaller.state_dicts(), removed.measured, [*first, *second]]

    undisturbed = pruned(NONE)
    same(interrupted(pruned, tmp_path, *lives, spent(undisturbed[-1]) - sum(lives)), undisturbed)
