"""Laws that hold for every pruning method, on networks that are really trained."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from pruning_examples import masking, removal_of, removing, settings_of
from residual_toys import SHAPE, residual

from privprune.models import BlockNet, count_parameters, edge_of, prunable
from privprune.models.shapes import NetworkShapes
from privprune.pruning import PRUNING, BudgetSettings, PrunedCell, check_pruning, count_kept, prune
from privprune.training.batches import TrainingData
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Masks, Term, TrainingPlan, train


@pytest.mark.parametrize("name", PRUNING)
def test_every_method_brings_examples_of_its_own(name: str) -> None:
    """The shared tests leave no method out, and an example is of the method that declares it."""
    assert {example["name"] for example in PRUNING[name].examples} == {name}


@masking
def test_pruned_stays_pruned_and_the_rest_learns(toy: Any, example: Mapping[str, Any]) -> None:
    """Exact counts; through momentum and weight decay pruned weights stay zero, while the kept ones move."""
    settings = settings_of(example)
    ensemble = Ensemble(toy.networks(0, 1))
    counts = count_kept(BudgetSettings(keep=None, ratio=6.0, dense_layers=("conv1",)), prunable(toy.networks(0)[0]))
    fit = toy.fit(ensemble)
    fit("before", toy.plan(4), (), {})
    dense = toy.values(ensemble)
    mask = prune(settings, ensemble, counts, toy.plan(8), fit, toy.generators(0, 1))
    for name, weight in toy.values(ensemble).items():
        kept = mask.kept[name]
        assert kept.flatten(1).sum(1).tolist() == [counts[name]] * 2
        assert not weight[~kept].any()
        assert (weight[kept] != dense[name][kept]).float().mean() > 0.9
    assert mask.weights_left.tolist() == [round(mask.weights / 6.0)] * 2


@masking
def test_without_retraining_the_mask_is_applied_all_the_same(toy: Any, example: Mapping[str, Any]) -> None:
    """At 0 epochs of retraining the weights are those of the last phase, cut by the mask."""
    settings = settings_of(example)
    ensemble = Ensemble(toy.networks(0))
    counts = count_kept(BudgetSettings(keep=None, ratio=6.0, dense_layers=()), prunable(toy.networks(0)[0]))
    mask = prune(settings, ensemble, counts, toy.plan(0), toy.fit(ensemble), toy.generators(0))
    for name, weight in toy.values(ensemble).items():
        assert torch.equal(weight != 0, mask.kept[name])


@masking
def test_pruning_twice_gives_the_same_bits(toy: Any, example: Mapping[str, Any]) -> None:
    """Equal networks, settings and generators give equal masks and weights; the global generator is not asked."""
    before = torch.get_rng_state()
    ends = []
    for _ in range(2):
        ensemble = Ensemble(toy.networks(0, 1))
        counts = {name: weight[0].numel() // 5 for name, weight in ensemble.weights().items()}
        settings = settings_of(example)
        prune(settings, ensemble, counts, toy.plan(1), toy.fit(ensemble), toy.generators(0, 1))
        ends.append(toy.values(ensemble))
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    assert torch.equal(before, torch.get_rng_state())


def cell_of(model: BlockNet, image: tuple[int, int, int] = SHAPE, records: int = 50_000) -> PrunedCell:
    """Describe a cell of such networks, with records enough for any phase."""
    return PrunedCell(NetworkShapes(model, image), records, identities=False)


def removal(toy: Any, example: Mapping[str, Any]) -> tuple[BlockNet, dict[str, float]]:
    """Run a method that removes structures on the residual toy; return what is left, and the metrics."""
    with torch.random.fork_rng(devices=[]):  # the constructors of PyTorch's layers draw from the global generator
        model, dense = residual(), residual()
    chance = torch.Generator().manual_seed(0)
    for value in model.parameters():
        value.data = torch.randn(value.shape, generator=chance) * 0.3
    ensemble = Ensemble([model])
    images = torch.randint(0, 256, (24, *SHAPE), dtype=torch.uint8, generator=chance)
    data = TrainingData(images, torch.arange(24) % 4, torch.arange(24)[None])

    def fit(phase: str, plan: TrainingPlan, terms: tuple[Term, ...], masks: Masks) -> None:
        train(ensemble, data, plan, toy.generators(0), terms=terms, masks=masks, name=phase)

    removed = removal_of(example).remove(settings_of(example), ensemble, dense, SHAPE, fit)  # type: ignore[arg-type]
    return removed.model, removed.measured


@removing
def test_removal_leaves_a_smaller_edge_that_answers(toy: Any, example: Mapping[str, Any]) -> None:
    """The parameters of the edge are fewer, as many as measured, and the logits of any images are finite."""
    model, measured = removal(toy, example)
    assert count_parameters(edge_of(model)) == measured["edge_parameters_left"] < measured["edge_parameters_dense"]
    assert measured["edge_removed"] == 1 - measured["edge_parameters_left"] / measured["edge_parameters_dense"]
    assert model(torch.randn(5, *SHAPE)).isfinite().all()


@removing
def test_removing_twice_gives_the_same_bits(toy: Any, example: Mapping[str, Any]) -> None:
    """Equal networks, settings and generators leave equal networks; the global generator is not used."""
    before = torch.get_rng_state()
    (one, _), (other, _) = removal(toy, example), removal(toy, example)
    assert one.state_dict().keys() == other.state_dict().keys()
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())
    assert torch.equal(before, torch.get_rng_state())


@removing
def test_removal_needs_a_cut(toy: Any, example: Mapping[str, Any]) -> None:
    """A network with a cut that has something to remove is accepted, a whole network is refused in a line."""
    settings = settings_of(example)
    check_pruning(settings, cell_of(residual()))
    with pytest.raises(ValueError, match=f"method: {settings.name} needs networks with a cut, found network.cut: null"):
        check_pruning(settings, cell_of(toy.networks(0)[0], (1, 8, 8)))


@masking
def test_a_mask_takes_any_network(toy: Any, example: Mapping[str, Any]) -> None:
    """Methods that find a mask accept whole networks and networks with a cut."""
    check_pruning(settings_of(example), cell_of(toy.networks(0)[0], (1, 8, 8)))
    check_pruning(settings_of(example), cell_of(residual()))
