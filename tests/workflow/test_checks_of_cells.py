"""What a cell's entry checks of its finished training, and a training that diverges."""

from dataclasses import replace
from typing import Any

import pytest

from privprune.errors import UserError
from privprune.settings import Range, read
from privprune.training.trained import Trained
from privprune.workflow.context import DataContext
from privprune.workflow.prune import PruneEntry
from privprune.workflow.train import HardenEntry, TrainEntry, harden_cell, train_cell

Tiny = dict[str, Any]
SETTLED = {"loss": [[2.0], [1.0], [1.0]]}
LEARNT = {"train_accuracy": [0.9], "constant_accuracy": [0.1]}
NETWORK = [("trained out", True), ("has learnt", True)]
PHASES = (("train", 3),)


def passed(entry: Any, trained: Trained) -> dict[str, list[tuple[str, bool]]]:
    """Return the names of the checks, and whether they pass, by what they are of."""
    return {subject: [(one.name, one.passed) for one in found] for subject, found in entry.checks(trained).items()}


def test_networks_and_their_defence_are_checked(tiny: Tiny) -> None:
    """A trained cell has the check of its networks, a hardened one those of its defence beside it."""
    plain = passed(read(TrainEntry, tiny["train"]["base"], "tiny"), Trained(SETTLED, PHASES, LEARNT))
    assert plain == {"network": NETWORK}
    game = read(HardenEntry, tiny["harden"]["game"], "tiny")
    names = ["adversary beats its trivial answer before the game", "penalty gradient"]
    inert = passed(game, Trained(SETTLED, PHASES, LEARNT))
    assert inert == {"network": NETWORK, "defence": [(name, False) for name in names]}
    curves = {**SETTLED, "penalty_gradient_share": [[0.5]] * 3}
    real = passed(game, Trained(curves, PHASES, {"inference_gain_before_game": [-1.2]}))
    assert real["defence"] == [(name, True) for name in names]


def test_zero_epochs_are_no_training(tiny: Tiny) -> None:
    """Networks as they were drawn fail, published weights pass, and a copy of a cell leaves the checks to that cell."""
    untrained = Trained({}, (("train", 0),), LEARNT)
    written = tiny["train"]["base"]
    none = {**written["plan"], "epochs": 0}
    drawn = read(TrainEntry, {**written, "plan": none}, "tiny")
    assert passed(drawn, untrained) == {"network": [("trained out", False), ("has learnt", True)]}
    network = replace(drawn.network, model="resnet18_imagenet", pretrained="weights.pth")
    published = replace(drawn, network=network)
    assert passed(published, untrained) == {"network": NETWORK}
    copy = {
        **tiny["harden"]["game"],
        "from": "models/base",
        "network": None,
        "plan": none,
        "defence": {"name": "dense"},
    }
    assert passed(read(HardenEntry, copy, "tiny"), untrained) == {}


def test_an_instrument_has_nothing_to_learn(tiny: Tiny) -> None:
    """The Gaussian channel's classes are random, so that nobody asks whether it has learnt them."""
    entry = read(TrainEntry, tiny["train"]["base"], "tiny")
    channel = replace(entry, network=replace(entry.network, model="gaussian_channel"))
    assert passed(channel, Trained(SETTLED, PHASES, {})) == {"network": [("trained out", True)]}


def test_pruning_and_its_search_are_checked(tiny: Tiny) -> None:
    """The residual at the cut, and where the sparsity was searched for, whether the gains differed."""
    curves = {**SETTLED, "primal_residual": [[0.1], [0.005], [0.004]]}
    written = tiny["prune"]["pruned"]
    given = passed(read(PruneEntry, written, "tiny"), Trained(curves, PHASES, {}))
    assert given["pruning"] == [("primal residual at the cut", True)]
    nasr = {**tiny["attack"]["base"]["methods"]["nasr"]}
    search = {"budgets": {"ratios": [2, 4], "largest_drop": 0.1}, "inference": nasr, "seed": 1}
    entry = read(PruneEntry, {**written, "search": search}, "tiny")
    for margin, differs in ((2.0, True), (0.5, False)):
        found = passed(entry, Trained(curves, PHASES, {"search_margin": [margin]}))
        assert found["pruning"][1] == ("differences above one standard error", differs)
    assert passed(entry, Trained(curves, PHASES, {}))["pruning"][1][1] is False


def test_a_training_that_diverges_names_cell_seed_and_epoch(
    context: DataContext, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a worker too; a shadow model has a seed of its own."""
    monkeypatch.setattr(Range, "__contains__", lambda *_: True)  # a rate that no suite may have diverges for certain
    written = tiny["train"]["base"]
    optimiser = {**written["plan"]["optimiser"], "learning_rate": 1e30}
    wild = {**written, "plan": {**written["plan"], "optimiser": optimiser}, "stack": 4}
    with pytest.raises(UserError) as told:
        train_cell(read(TrainEntry, wild, "tiny"), context, "base")
    assert str(told.value) == (
        "base: training diverged: found a loss that is not finite, seed 0, 1, 2, 3, epoch 1 of train; "
        "allowed a lower learning rate or weight of a defence"
    )
    game = {**tiny["harden"]["game"], "plan": wild["plan"], "stack": 1}
    with pytest.raises(UserError, match=r"^game: training diverged: .* seed [0-3], epoch 1 of train; allowed"):
        harden_cell(read(HardenEntry, game, "tiny"), context, None, "game")
