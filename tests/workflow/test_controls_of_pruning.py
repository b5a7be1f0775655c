"""The controls that a pruned cell is held against: pooled wire, narrow from scratch, random channels."""

from typing import Any

import pytest
import torch

from privprune.cells import Cell
from privprune.models import structure_of
from privprune.settings import read
from privprune.workflow.context import DataContext
from privprune.workflow.inversions import InversionEntry
from privprune.workflow.invert import invert_cell
from privprune.workflow.prune import PruneEntry, prune_cell
from privprune.workflow.train import HardenEntry, TrainEntry, harden_cell, train_cell

Tiny = dict[str, Any]


@pytest.fixture(scope="module")
def start(context: DataContext, tiny: Tiny) -> Cell:
    """Return a small residual network with a cut."""
    return train_cell(read(TrainEntry, with_wire(tiny, "plain"), "tiny"), context, "dense")[0]


def with_wire(tiny: Tiny, wire: str) -> Tiny:
    """Return the entry of one residual network with this wire."""
    written = tiny["train"]["dense"]
    cut = {**written["network"]["cut"], "wire": {"name": wire}}
    return {**written, "network": {**written["network"], "seeds": [0], "cut": cut}}


def prune(tiny: Tiny, **changed: Any) -> PruneEntry:
    """Return an entry that removes half of the edge."""
    return read(PruneEntry, {**tiny["prune"]["removed"], "defence": None, **changed}, "tiny")


def test_the_narrow_network_has_the_shapes_of_the_pruned_and_weights_of_its_own(
    context: DataContext, tiny: Tiny, start: Cell
) -> None:
    """The structures are equal; without an epoch of training it is the start of the seed, cut to these widths."""
    pruned = prune_cell(prune(tiny), context, start, "pruned").cell
    written = {
        "paper": "patrol",
        "data": "digits",
        "from": "models/pruned",
        "network": None,
        "keep_shadows": True,
        "defence": {"name": "from_scratch"},
        "plan": {**tiny["train"]["dense"]["plan"], "epochs": 0},
        "stack": 1,
    }
    narrow, _ = harden_cell(read(HardenEntry, written, "tiny"), context, pruned, "narrow")
    assert narrow.manifest.structures == pruned.manifest.structures
    trained, fresh = pruned.states[0], narrow.states[0]
    assert {name: value.shape for name, value in trained.items()} == {n: v.shape for n, v in fresh.items()}
    assert not torch.equal(trained["block1.conv1.weight"], fresh["block1.conv1.weight"])
    assert fresh["block1.norm1.running_var"].unique().tolist() == [1.0]


def test_random_channels_have_the_widths_of_the_masks(context: DataContext, tiny: Tiny, start: Cell) -> None:
    """With the same seed the cell has the structure of the soft mask's, and the phases of its training."""
    masks = {**tiny["prune"]["removed"]["method"], "structures": "channels"}
    made = [
        prune_cell(prune(tiny, method=method), context, start, "pruned")
        for method in (masks, {"name": "random_channels", "widths_of": masks, "seed": 3})
    ]
    assert made[0].cell.manifest.structures == made[1].cell.manifest.structures
    assert made[0].outcome.phases == made[1].outcome.phases
    dense = start.models([0])[0]
    assert structure_of(dense, made[1].cell.models([0])[0]).channels
    assert set(made[1].outcome.measured) >= {"edge_removed", "edge_operations_removed"}


def test_distillation_joins_the_retraining(context: DataContext, tiny: Tiny, start: Cell) -> None:
    """Its curve is measured in the last phase only; the phase of masks is the same without it."""
    soft = {"loss": "divergence", "weight": 1.0, "temperature": 2.0}
    method = tiny["prune"]["removed"]["method"]
    made = prune_cell(prune(tiny, method={**method, "distillation": soft}), context, start, "pruned").outcome
    plain = prune_cell(prune(tiny), context, start, "pruned").outcome
    curve = torch.tensor(made.history["distillation_loss"]).flatten()
    assert curve.isfinite().tolist() == [False, True]
    assert made.structures == plain.structures
    assert made.history["mask_mean"][0] == plain.history["mask_mean"][0]


def test_of_a_pooled_wire_one_number_per_channel_is_sent_and_seen(context: DataContext, tiny: Tiny) -> None:
    """Bytes are counted of what is sent; beside them stand those of the image, and of a JPEG that is as bad."""
    cell, _ = train_cell(read(TrainEntry, with_wire(tiny, "pooled"), "tiny"), context, "pooled")
    lmmse = {"attack": "lmmse", "attacker_data": "train", "records": None, "features": 512, "validation": 0.1}
    written = {
        **tiny["attack"]["dense-inverted"],
        "target": "pooled",
        "inversions": {
            "lmmse": {**lmmse, "queries": 1},
            "mean_image": {"attack": "mean_image", "attacker_data": "train"},
        },
    }
    entry = read(InversionEntry, written, "tiny")
    found = invert_cell(entry, entry.built("tiny"), cell, context)
    channels = cell.models([0])[0].block2.conv2.out_channels
    assert found.metrics["feature_bytes"] == [4.0 * channels]
    assert found.metrics["image_bytes"] == [64.0]
    lowest = float(found.results["lmmse"]["metrics"]["mse"]["values"][0])
    assert found.metrics["jpeg_mse"][0] <= lowest or found.metrics["jpeg_quality"] == [95.0]
    assert found.metrics["jpeg_bytes"][0] > 64
