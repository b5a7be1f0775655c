"""Training, hardening and pruning the networks of a cell."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from privprune.cells import Cell
from privprune.errors import UserError
from privprune.metrics.record_part import RecordPart
from privprune.pruning import Mask
from privprune.settings import read
from privprune.workflow import workers
from privprune.workflow.context import DataContext
from privprune.workflow.prune import PruneEntry, PruningResult, prune_cell
from privprune.workflow.stacks import TrainingOutcome
from privprune.workflow.train import HardenEntry, TrainEntry, harden_cell, train_cell
from privprune.workflow.utility import utility_of

Tiny = dict[str, Any]


def trained(context: DataContext, tiny: Tiny, **changed: Any) -> tuple[Cell, TrainingOutcome]:
    """Train the baseline."""
    return train_cell(read(TrainEntry, {**tiny["train"]["base"], **changed}, "tiny"), context, "base")


def pruned(context: DataContext, tiny: Tiny, start: Cell, **changed: Any) -> PruningResult:
    """Prune the baseline."""
    return prune_cell(read(PruneEntry, {**tiny["prune"]["pruned"], **changed}, "tiny"), context, start, "pruned")


def hardened(context: DataContext, tiny: Tiny, start: Cell | None, **changed: Any) -> tuple[Cell, TrainingOutcome]:
    """Harden the baseline, or from scratch."""
    return harden_cell(read(HardenEntry, {**tiny["harden"]["game"], **changed}, "tiny"), context, start, "game")


def same(one: Cell, other: Cell) -> bool:
    """Whether two cells have the same networks, bit for bit."""
    return all(
        torch.equal(state[name], again[name])
        for state, again in zip(one.states, other.states, strict=True)
        for name in state
    )


@pytest.fixture(scope="module")
def base(context: DataContext, tiny: Tiny) -> Cell:
    """Return the trained baseline: two targets and two shadow models."""
    return trained(context, tiny)[0]


@pytest.mark.parametrize("stack", [1, 3])
def test_the_number_of_workers_changes_no_bit(
    context: DataContext, tiny: Tiny, monkeypatch: pytest.MonkeyPatch, stack: int
) -> None:
    """Groups of any size give the same cell and history on one core and on several."""
    found = []
    for cores in (1, 2, 3):
        monkeypatch.setattr(workers, "cores", lambda cores=cores: cores)
        found.append(trained(context, tiny, stack=stack))
    for cell, outcome in found[1:]:
        assert same(cell, found[0][0])
        assert outcome.history == found[0][1].history


def test_the_size_of_a_stack_changes_no_more_than_rounding(context: DataContext, tiny: Tiny, base: Cell) -> None:
    """Two networks in a stack are the two alone, up to the order of sums."""
    for state, again in zip(base.states, trained(context, tiny, stack=4)[0].states, strict=True):
        for name in state:
            assert torch.allclose(state[name], again[name], atol=1e-4), name


def test_every_network_has_its_own_seed_and_members(context: DataContext, base: Cell) -> None:
    """No two networks of a cell are alike, and each knows its own half."""
    assert base.manifest.networks == len(base.states) == 4
    biases = {tuple(state["fc2.linear.bias"].tolist()) for state in base.states}
    assert len(biases) == 4
    members = [context.members(base.manifest, number) for number in range(4)]
    assert torch.equal(torch.cat(members[2:]).sort().values, torch.arange(240))  # the shadow models are complementary


def test_more_networks_do_not_change_the_first_ones(
    context: DataContext, tiny: Tiny, base: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell with one target and no shadow model has the first network of the larger cell."""
    monkeypatch.setattr(workers, "cores", lambda: 1)  # a network alone would take all cores, and round otherwise
    network = {**tiny["train"]["base"]["network"], "seeds": [0], "shadows": 0}
    alone = trained(context, tiny, network=network)[0]
    assert all(torch.equal(alone.states[0][name], base.states[0][name]) for name in base.states[0])


def test_pruned_weights_are_zero_and_counted(context: DataContext, tiny: Tiny, base: Cell) -> None:
    """Every network of the cell keeps a quarter, exactly where its mask says, and the utility counts that."""
    cell = pruned(context, tiny, base).cell
    mask = Mask(cell.stacked_masks(range(4)))
    assert mask.weights_left.tolist() == 4 * [round(mask.weights / 4)]
    for state, own in zip(cell.states, cell.masks, strict=True):
        assert all(not state[name][~kept].any() for name, kept in own.items())
    measured = utility_of(cell, context).metrics
    assert measured["weights_left"] == 2 * [round(mask.weights / 4)]
    assert measured["weights"] == 2 * [mask.weights]


def test_the_utility_says_what_the_test_records_owe(context: DataContext, base: Cell) -> None:
    """The test accuracy of two targets has a record part whose deviation is that of a share of the test records."""
    found = utility_of(base, context)
    part = RecordPart.from_record(found.record_parts["test_accuracy"])
    assert set(found.record_parts) == {"test_accuracy"}
    tested = context.split(base.manifest, 0).test
    assert part.records == len(tested)
    expected = [math.sqrt(share * (1 - share) / len(tested)) for share in found.metrics["test_accuracy"]]
    assert part.halves.std(axis=1).tolist() == pytest.approx(expected, rel=0.15)
    alone = Cell(replace(base.manifest, seeds=base.manifest.seeds[:1], shadows=0), base.states[:1], base.masks[:1])
    assert utility_of(alone, context).record_parts == {}


def test_shadow_models_may_be_left_behind(context: DataContext, tiny: Tiny, base: Cell) -> None:
    """With keep_shadows false the cell has its targets only, and they are the same bits."""
    whole, alone = (pruned(context, tiny, base, keep_shadows=keep).cell for keep in (True, False))
    assert alone.manifest.shadows == 0
    assert same(alone, whole.targets_only())


def test_training_goes_on_from_a_pruned_cell_under_its_masks(context: DataContext, tiny: Tiny, base: Cell) -> None:
    """A control that trains on keeps what was pruned at zero, and moves the rest."""
    start = pruned(context, tiny, base).cell
    options = {"from": "models/pruned", "network": None, "defence": {"name": "dense"}}
    after, _ = hardened(context, tiny, start, **options)
    for state, old, mask in zip(after.states, start.states, after.masks, strict=True):
        assert all(not state[name][~kept].any() for name, kept in mask.items())
        assert not torch.equal(state["fc2.linear.weight"], old["fc2.linear.weight"])


def test_stopping_at_matched_accuracy_starts_afresh(context: DataContext, tiny: Tiny, base: Cell) -> None:
    """The control begins with new networks, and notes the accuracy of the cell that it is compared with."""
    start = pruned(context, tiny, base).cell
    options = {"from": "models/pruned", "network": None, "defence": {"name": "matched_accuracy"}}
    after, outcome = hardened(context, tiny, start, **options, plan=tiny["train"]["base"]["plan"])
    assert outcome.measured["accuracy_to_match"][:2] == pytest.approx(
        utility_of(start, context).metrics["selection_accuracy"]
    )
    assert not any(mask for mask in after.masks)
    again, _ = trained(context, tiny, plan={**tiny["train"]["base"]["plan"], "epochs": 0})
    assert again.states[0].keys() == after.states[0].keys()


def searched(context: DataContext, tiny: Tiny, base: Cell) -> PruningResult:
    """Let Algorithm 1's outer search choose between two ratios."""
    nasr = tiny["attack"]["base"]["methods"]["nasr"]
    budgets = {"ratios": [2, 30], "largest_drop": 1.0}
    search = {"budgets": budgets, "inference": nasr, "seed": 1}
    return pruned(context, tiny, base, search=search, keep_shadows=False)


@pytest.fixture(scope="module")
def choice(context: DataContext, tiny: Tiny, base: Cell) -> PruningResult:
    """Return what the search chose."""
    return searched(context, tiny, base)


def test_the_search_looks_at_members_and_selection_records_only(
    context: DataContext, tiny: Tiny, base: Cell, choice: PruningResult
) -> None:
    """Other images and labels wherever attacks or utility are scored leave each candidate, bit for bit."""
    splits = [context.split(base.manifest, target) for target in range(2)]
    used = torch.cat([part for own in splits for part in (own.members, own.selection_nonmembers, own.reference)])
    unused = torch.ones(len(context.dataset.labels), dtype=torch.bool)
    unused[used] = False
    assert unused.sum() > 297  # the official test set, and non-members of both targets
    images, labels = context.dataset.images.clone(), context.dataset.labels.clone()
    images[unused] = 255 - images[unused]
    labels[unused] = (labels[unused] + 1) % 10
    disturbed = replace(context, dataset=replace(context.dataset, images=images, labels=labels))
    again = searched(disturbed, tiny, base)
    assert again.search == choice.search
    assert same(again.cell, choice.cell)


def test_the_search_takes_the_least_gain(choice: PruningResult) -> None:
    """The chosen candidate has the least mean gain or is a tie; the cell has its ratio; the dense one stands first."""
    dense, *candidates = choice.search
    assert dense["ratio"] == 1
    assert not dense["chosen"]
    (chosen,) = [one for one in candidates if one["chosen"]]
    assert chosen["tie"] or sum(chosen["gain"]) == min(sum(one["gain"]) for one in candidates)
    assert all(gain >= -math.log(4) - 1e-9 for one in candidates for gain in one["gain"])
    assert all(one["standard_error"] > 0 and one["attack"] in ("nasr", "confidence") for one in choice.search)
    (margin, other) = choice.outcome.measured["search_margin"]
    assert margin == other
    assert chosen["tie"] == (margin < 1)
    mask = Mask(choice.cell.stacked_masks(range(2)))
    assert mask.weights_left.tolist() == 2 * [round(mask.weights / chosen["ratio"])]


def test_networks_of_other_data_are_refused(context: DataContext, tiny: Tiny, base: Cell) -> None:
    """A cell trained on another dataset is refused; the error names both datasets."""
    other = replace(base, manifest=replace(base.manifest, fingerprint="0" * 64, data="mnist"))
    with pytest.raises(UserError, match="from: models/base: found networks trained on mnist, allowed digits"):
        pruned(context, tiny, other)
    with pytest.raises(UserError, match="found networks trained on mnist, allowed digits"):
        hardened(context, tiny, other, **{"from": "models/base", "network": None, "defence": {"name": "dense"}})
