"""Cells whose networks lose channels and branches for good."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from privprune.cells import Cell, load_cell
from privprune.models import count_parameters, edge_of
from privprune.records import read_records
from privprune.settings import read
from privprune.training.ensemble import Ensemble
from privprune.workflow.context import DataContext
from privprune.workflow.prune import PruneEntry, PruningResult, prune_cell
from privprune.workflow.record import RecordLocation, write_cell_record
from privprune.workflow.train import HardenEntry, TrainEntry, harden_cell, train_cell
from privprune.workflow.utility import accuracy, utility_of

Tiny = dict[str, Any]
CUT = {"bottleneck": 2, "extra_convolution": False, "wire": {"name": "gaussian", "deviation": 0.1}}


def started(context: DataContext, tiny: Tiny, model: str, after: int) -> Cell:
    """Train two networks with a cut."""
    written = tiny["train"]["cut"]
    network = {**written["network"], "model": model, "cut": {**written["network"]["cut"], **CUT, "after": after}}
    return train_cell(read(TrainEntry, {**written, "network": network}, "tiny"), context, "cut")[0]


def entry_with(tiny: Tiny, **changed: Any) -> dict[str, Any]:
    """Return an entry with a soft mask that removes half of the edge."""
    written = {**tiny["prune"]["pruned"], "from": "models/cut", "budget": None, "stack": 1}
    method = {
        "name": "soft_mask",
        "sparsity": 0.5,
        "learning_rate": 0.02,
        "momentum": 0.0,
        "structures": "both",
        "weigh": "equal",
        "widths": {"multiple": 1, "least": 1},
        "wire_removed": None,
        "distillation": None,
        "threshold": {"name": "share", "removed": 0.5, "of": "parameters"},
        "plan": {**written["retrain"], "epochs": 2},
    }
    return {**written, "method": {**method, **changed.pop("method", {})}, **changed}


def removed(context: DataContext, tiny: Tiny, start: Cell, **changed: Any) -> PruningResult:
    """Prune a cell."""
    return prune_cell(read(PruneEntry, entry_with(tiny, **changed), "tiny"), context, start, "removed")


@pytest.fixture(scope="module")
def start(context: DataContext, tiny: Tiny) -> Cell:
    """Return two small networks with batch normalisation."""
    return started(context, tiny, "photos_cnn", 4)


@pytest.fixture(scope="module")
def smaller(context: DataContext, tiny: Tiny, start: Cell) -> PruningResult:
    """Return them without half of the edge."""
    return removed(context, tiny, start)


def test_every_network_loses_its_share_and_gets_a_structure_of_its_own(start: Cell, smaller: PruningResult) -> None:
    """The metrics are counted in the networks; phases and masks' curves are noted."""
    manifest = smaller.cell.manifest
    assert manifest.structures is not None
    assert manifest.structures[0] != manifest.structures[1]
    dense = count_parameters(edge_of(start.models([0])[0]))
    left = [count_parameters(edge_of(model)) for model in smaller.cell.models([0, 1])]
    assert smaller.outcome.measured["edge_parameters_left"] == left
    assert smaller.outcome.measured["edge_parameters_dense"] == [dense, dense]
    assert all(share >= 0.5 for share in smaller.outcome.measured["edge_removed"])
    assert smaller.outcome.measured["blocks_removed"] == [0, 0]
    assert smaller.outcome.phases == (("mask", 2), ("retrain", 1))
    assert len(smaller.outcome.history["mask_mean"]) == 3
    assert not any(smaller.cell.masks)


def test_the_same_entry_gives_the_same_bits(
    context: DataContext, tiny: Tiny, start: Cell, smaller: PruningResult
) -> None:
    """Masks, removal and retraining draw from their own generators only."""
    torch.rand(5)
    again = removed(context, tiny, start)
    assert again.cell.manifest == smaller.cell.manifest
    for state, other in zip(again.cell.states, smaller.cell.states, strict=True):
        assert all(torch.equal(state[name], other[name]) for name in state)


def test_a_smaller_cell_is_saved_recorded_and_gone_on_from(
    context: DataContext, tiny: Tiny, start: Cell, smaller: PruningResult, tmp_path: Path
) -> None:
    """It comes back from its folder; its record counts the dense weights; training and pruning go on in its shape."""
    smaller.cell.save(tmp_path / "cell")
    found = load_cell(tmp_path / "cell")
    assert found.manifest == smaller.cell.manifest
    place = RecordLocation(tmp_path, "tiny", "prune", "removed", entry_with(tiny), origin="models/cut")
    entry = read(PruneEntry, entry_with(tiny), "tiny")
    (record,) = read_records(write_cell_record(place, context, found, smaller.outcome, [], entry).parent)
    judged = {subject: [one["name"] for one in checks] for subject, checks in record.checks.items()}
    assert judged == {"network": ["trained out", "has learnt"], "pruning": ["drift", "removed masks at zero"]}
    assert record.checks["network"][0]["passed"] is False  # one epoch
    assert record.metrics["mask_drift"] == pytest.approx([0.12, 0.12])  # 12 steps
    assert record.checks["pruning"][0]["passed"] is False
    kinds = ("selection_accuracy", "test_accuracy")
    assert {f"{kind}_{when}_removal" for kind in kinds for when in ("before", "after")} <= record.metrics.keys()
    dense = utility_of(start, context).metrics["weights"]
    assert record.metrics["weights"] == dense
    assert all(left < whole for left, whole in zip(record.metrics["weights_left"], dense, strict=True))
    assert record.metrics["edge_removed"] == pytest.approx(smaller.outcome.measured["edge_removed"], abs=1e-6)
    written = {**tiny["harden"]["cut-cem"], "from": "models/removed", "network": None, "defence": {"name": "dense"}}
    after, _ = harden_cell(read(HardenEntry, written, "tiny"), context, found, "after")
    assert after.manifest == found.manifest
    further = {"method": {"name": "magnitude"}, "budget": {"keep": None, "ratio": 2, "dense_layers": []}}
    thinned = prune_cell(read(PruneEntry, {**entry_with(tiny), **further}, "tiny"), context, found, "thinned").cell
    assert thinned.manifest == found.manifest
    again = removed(context, tiny, found, method={"threshold": {"name": "share", "removed": 0.7, "of": "parameters"}})
    assert all(share >= 0.7 for share in again.outcome.measured["edge_removed"])


def test_what_is_retrained_is_what_was_masked(context: DataContext, tiny: Tiny, start: Cell) -> None:
    """Without an epoch of retraining, a mask phase too short to matter and little removed, accuracy stays."""
    plan = {**tiny["train"]["base"]["plan"], "epochs": 1}
    plan["optimiser"] = {**plan["optimiser"], "learning_rate": 1e-6}
    method = {"plan": plan, "learning_rate": 1e-6, "threshold": {"name": "share", "removed": 0.001, "of": "parameters"}}
    cell = removed(context, tiny, start, method=method, retrain={**plan, "epochs": 0}).cell
    records = context.members(start.manifest, 0)
    before, after = (accuracy(Ensemble(one.models([0])), records, context) for one in (start, cell))
    assert cell.manifest.structures is not None
    assert cell.manifest.structures[0].channels
    assert abs(before - after) < 0.15


def test_residual_branches_go_and_a_game_starts_afresh(context: DataContext, tiny: Tiny) -> None:
    """Blocks of a ResNet are their shortcuts; the defence sees features of the shape that is left."""
    whole = started(context, tiny, "photos_resnet", 3).targets_only()
    game = tiny["harden"]["cut-cem"]["defence"]["base"]
    method = {"structures": "blocks", "threshold": {"name": "share", "removed": 0.3, "of": "parameters"}}
    made = removed(context, tiny, whole, method=method, defence=game)
    assert all(count >= 1 for count in made.outcome.measured["blocks_removed"])
    assert made.cell.manifest.structures is not None
    assert asdict(made.cell.manifest.structures[0])["channels"] == {}
    assert all(len(values) == 3 for values in made.outcome.history.values())


def test_a_threshold_that_fits_no_mask_is_reported(context: DataContext, tiny: Tiny, start: Cell) -> None:
    """The masks of a short phase stay near 1, where a small tau removes nothing."""
    with pytest.raises(ValueError, match=r"method\.threshold\.value: found 0\.001, which removes nothing"):
        removed(context, tiny, start, method={"threshold": {"name": "fixed", "value": 0.001}})
