"""Layers behind the networks of a cell: who sees them, and what happens to them when training goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from interruption import interrupted, same

from privprune.cells import Cell, load_cell
from privprune.checkpoints.store import NONE, Checkpoints
from privprune.models.output.random_scores import RandomScoresSettings
from privprune.settings import read
from privprune.split_service.session import Session
from privprune.suite.named_methods import modules_named
from privprune.workflow import workers
from privprune.workflow.attack import gather_evidence
from privprune.workflow.context import DataContext
from privprune.workflow.deploy import DeployEntry, deploy_cell
from privprune.workflow.outputs import behind, without_output
from privprune.workflow.prune import PruneEntry, prune_cell
from privprune.workflow.train import HardenEntry, TrainEntry, harden_cell, train_cell
from privprune.workflow.utility import utility_of

Tiny = dict[str, Any]
LAYER = RandomScoresSettings("random_scores", 30)
HAMP = {"name": "hamp", "entropy": 0.5, "reward": 0.05, "variant": "paper"}
HAMP["output"] = {"name": "random_scores", "samples": 30}  # type: ignore[assignment]
SCORES = "output.scores"


def hardened(
    context: DataContext, tiny: Tiny, start: Cell | None, checkpoints: Checkpoints = NONE, **changed: Any
) -> Cell:
    """Harden with HAMP, from a dataset or from a cell."""
    entry = read(HardenEntry, {**tiny["harden"]["game"], "defence": HAMP, **changed}, "tiny")
    return harden_cell(entry, context, start, "hamp", checkpoints)[0]


def pruned(context: DataContext, tiny: Tiny, start: Cell, **changed: Any) -> Cell:
    """Prune a cell."""
    entry = read(PruneEntry, {**tiny["prune"]["pruned"], **changed}, "tiny")
    return prune_cell(entry, context, start, "pruned").cell


@pytest.fixture(scope="module")
def base(context: DataContext, tiny: Tiny) -> Cell:
    """Return a cell without layers."""
    return train_cell(read(TrainEntry, tiny["train"]["base"], "tiny"), context, "base")[0]


@pytest.fixture(scope="module")
def hamp(context: DataContext, tiny: Tiny) -> Cell:
    """Return a cell with layers."""
    return hardened(context, tiny, None)


def own_scores(cell: Cell, context: DataContext) -> None:
    """Hold that the layer of each network has the scores of that network."""
    again = behind(without_output(cell), LAYER, context)
    for state, expected in zip(cell.states, again.states, strict=True):
        assert torch.equal(state[SCORES], expected[SCORES])


def test_a_cell_keeps_its_layers(context: DataContext, hamp: Cell, tmp_path: Path) -> None:
    """Each network has scores of its own, and a cell that is written and read has the same layers and answers."""
    own_scores(hamp, context)
    assert len({tuple(state[SCORES].flatten().tolist()) for state in hamp.states}) == 4
    hamp.save(tmp_path / "cell")
    found = load_cell(tmp_path / "cell")
    assert found.manifest == hamp.manifest
    assert found.manifest.output == LAYER
    images = torch.rand(5, 1, 8, 8)
    for one, other in zip(found.models([2, 0]), hamp.models([2, 0]), strict=True):
        assert torch.equal(one.eval()(images), other.eval()(images))


def test_attackers_see_the_layer_and_utility_is_what_it_was(context: DataContext, hamp: Cell) -> None:
    """All evidence is scores of random images; no class changes, so the accuracies are those of the bare networks."""
    bare = without_output(hamp)
    assert bare.manifest.output is None
    measured, expected = utility_of(hamp, context).metrics, utility_of(bare, context).metrics
    assert measured == expected
    for target, (evidence, before) in enumerate(
        zip(gather_evidence(hamp, context), gather_evidence(bare, context), strict=True)
    ):
        pool = set(map(tuple, hamp.states[target][SCORES].tolist()))
        for outputs, raw in (
            (evidence.known_members, before.known_members),
            (evidence.evaluation_nonmembers, before.evaluation_nonmembers),
        ):
            ranked = outputs.logits.sort(dim=1, descending=True).values
            assert set(map(tuple, ranked.tolist())) <= pool
            assert torch.equal(outputs.logits.argmax(1), raw.logits.argmax(1))
            assert not torch.equal(outputs.logits, raw.logits)


def test_pruning_goes_on_from_the_bare_network(context: DataContext, tiny: Tiny, hamp: Cell) -> None:
    """The pruned network is that of the cell without layers; its layer stays, with the scores of the new weights."""
    after, bare = pruned(context, tiny, hamp), pruned(context, tiny, without_output(hamp))
    same(without_output(after).states, bare.states)
    assert (after.manifest.output, bare.manifest.output) == (LAYER, None)
    own_scores(after, context)
    assert not torch.equal(after.states[0][SCORES], hamp.states[0][SCORES])


def test_a_defence_in_pruning_adds_its_layer(context: DataContext, tiny: Tiny, base: Cell) -> None:
    """A cell without layers has them when it was pruned with HAMP; without the setting it has none."""
    with_layer = pruned(context, tiny, base, defence=HAMP, keep_shadows=False)
    without = pruned(context, tiny, base, defence={**HAMP, "output": None}, keep_shadows=False)
    same(without_output(with_layer).states, without.states)
    assert (with_layer.manifest.output, without.manifest.output) == (LAYER, None)
    assert with_layer.manifest.networks == len(with_layer.states) == 2


def test_more_training_keeps_the_layer_and_new_networks_have_none(context: DataContext, tiny: Tiny, hamp: Cell) -> None:
    """A control that trains on answers as before; one that starts afresh is a plain network."""
    options = {"from": "models/hamp", "network": None, "keep_shadows": False}
    longer = hardened(context, tiny, hamp, **options, defence={"name": "dense"})
    afresh = hardened(context, tiny, hamp, **options, defence={"name": "matched_accuracy"})
    assert (longer.manifest.output, afresh.manifest.output) == (LAYER, None)
    own_scores(longer, context)


def test_a_killed_training_ends_with_the_same_layers(
    context: DataContext, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Layers depend on the finished networks and their seeds only."""
    monkeypatch.setattr(workers, "cores", lambda: 1)
    network = {**tiny["harden"]["game"]["network"], "shadows": 0}
    given: dict[str, Any] = {"network": network, "stack": 1}
    whole = hardened(context, tiny, None, **given)
    found = interrupted(lambda store: hardened(context, tiny, None, store, **given), tmp_path, 1, 2, 1)
    same(found.states, whole.states)


@pytest.mark.usefixtures("_exporter")
def test_what_is_deployed_has_the_layer(context: DataContext, tiny: Tiny) -> None:
    """The cloud's file gives the answers of the protected network."""
    network = {**tiny["train"]["cut"]["network"], "seeds": [0, 1]}
    network["cut"] = {**network["cut"], "wire": {"name": "plain"}}
    cell = hardened(context, tiny, None, network=network, stack=1)
    entry = read(DeployEntry, {**tiny["deploy"]["cut"], "network": 1}, "tiny")
    files = deploy_cell(entry, cell, context, "tiny: deploy.cut").files
    images = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    answers = Session(files["cloud.onnx"])(Session(files["edge.onnx"])(images.numpy()))
    with torch.no_grad():
        expected = cell.models([1])[0].eval()(images).numpy()
    # Where two logits are nearly equal, ONNX Runtime may order them otherwise, and so take another image's scores.
    assert np.isclose(answers, expected, atol=1e-4).all(1).mean() > 0.9
    ranked = {tuple(row) for row in np.sort(answers, axis=1).round(4).tolist()}
    assert ranked <= {tuple(row) for row in np.sort(cell.states[1][SCORES].numpy(), axis=1).round(4).tolist()}


def test_the_code_of_the_layer_is_part_of_what_attacks_run(tiny: Tiny) -> None:
    """An attack on a cell that was pruned from a HAMP cell runs the layer, but not the defence's loss."""
    suite = {
        **tiny,
        "harden": {"hamp": {**tiny["harden"]["game"], "defence": HAMP}},
        "prune": {"later": {**tiny["prune"]["pruned"], "from": "models/hamp"}},
        "attack": {"later": {**tiny["attack"]["base"], "target": "later"}},
    }
    modules = modules_named(suite, "attack", "later")
    assert "privprune.models.output.random_scores" in modules
    assert "privprune.defences.hamp" not in modules
    plain = {**suite, "harden": {"hamp": {**suite["harden"]["hamp"], "defence": {**HAMP, "output": None}}}}
    assert "privprune.models.output.random_scores" not in modules_named(plain, "attack", "later")


def test_nothing_is_added_without_a_layer(context: DataContext, base: Cell) -> None:
    """A cell without layers is returned as it is, in both directions."""
    assert behind(base, None, context) is base
    assert without_output(base) is base
    assert replace(base, manifest=replace(base.manifest, output=None)) == base
