"""Defences of the loss in all phases of pruning, and alone: their curves are measured, and their checks read them."""

from __future__ import annotations

from typing import Any

import pytest

from privprune.cells import Cell
from privprune.defences import DEFENCES
from privprune.settings import read
from privprune.training.trained import Trained
from privprune.workflow.context import DataContext
from privprune.workflow.prune import PruneEntry, prune_cell
from privprune.workflow.stacks import TrainingOutcome
from privprune.workflow.train import HardenEntry, TrainEntry, harden_cell, train_cell

Tiny = dict[str, Any]
CURVES = {"ppb": "balancing_share", "relaxloss": "relaxed_share", "hamp": "posterior_entropy"}


@pytest.fixture(scope="module")
def base(context: DataContext, tiny: Tiny) -> Cell:
    """Return the cell that is pruned."""
    return train_cell(read(TrainEntry, tiny["train"]["base"], "tiny"), context, "base")[0]


def measured(name: str, outcome: TrainingOutcome) -> None:
    """Hold that the defence has a value in every epoch of every phase, and that its check can be computed."""
    training = Trained(outcome.history, outcome.phases, outcome.measured)
    epochs = sum(length for _, length in outcome.phases)
    curve = training.curve(CURVES[name])
    assert [len(values) for values in curve] == [epochs] * len(outcome.states)
    assert all(value == value for values in curve for value in values)  # noqa: PLR0124 (no phase without a value)
    (check,) = DEFENCES[name].checks(read(DEFENCES[name].settings, DEFENCES[name].examples[0], "x"), training)
    assert check.measured is not None


@pytest.mark.parametrize("method", ["admm", "magnitude"])
@pytest.mark.parametrize("name", CURVES)
def test_a_defence_takes_part_in_pruning(context: DataContext, tiny: Tiny, base: Cell, name: str, method: str) -> None:
    """It acts while the mask is sought and while the network is retrained, and the weights are those of the mask."""
    entry = {**tiny["prune"]["pruned"], "defence": dict(DEFENCES[name].examples[0]), "keep_shadows": False}
    if method != "admm":
        entry["method"] = {"name": method}
    result = prune_cell(read(PruneEntry, entry, "tiny"), context, base, "pruned")
    measured(name, result.outcome)
    for state, mask in zip(result.cell.states, result.cell.masks, strict=True):
        assert all(not state[weight][~kept].any() for weight, kept in mask.items())


@pytest.mark.parametrize("name", CURVES)
def test_a_defence_works_alone(context: DataContext, tiny: Tiny, name: str) -> None:
    """It trains new networks, one by one or as a stack."""
    entry = {**tiny["harden"]["game"], "defence": dict(DEFENCES[name].examples[0])}
    measured(name, harden_cell(read(HardenEntry, entry, "tiny"), context, None, name)[1])
