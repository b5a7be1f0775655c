"""Laws that hold for every pruning method, on networks that are really trained."""

from typing import Any

import pytest
import torch

from privprune.models import prunable
from privprune.pruning import (
    METHODS,
    AdmmSettings,
    BudgetSettings,
    MagnitudeSettings,
    PruningSettings,
    RandomSettings,
    count_kept,
    prune,
)
from privprune.training.ensemble import Ensemble


def settings_of(toy: Any) -> list[PruningSettings]:
    """Return small settings of every method."""
    return [
        AdmmSettings(name="admm", rho_start=0.01, rho_rounds=2, update_every=1, plan=toy.plan(2)),
        MagnitudeSettings(name="magnitude"),
        RandomSettings(name="random"),
    ]


def test_every_method_is_tested(toy: Any) -> None:
    """A new line in the table needs a line here."""
    assert {type(settings) for settings in settings_of(toy)} == set(METHODS)


@pytest.mark.parametrize("number", range(len(METHODS)))
def test_pruned_stays_pruned_and_the_rest_learns(toy: Any, number: int) -> None:
    """Exact counts; through momentum and weight decay pruned weights stay zero, while the kept ones move."""
    settings = settings_of(toy)[number]
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


@pytest.mark.parametrize("number", range(len(METHODS)))
def test_without_retraining_the_mask_is_applied_all_the_same(toy: Any, number: int) -> None:
    """At 0 epochs of retraining the weights are those of the last phase, cut by the mask."""
    settings = settings_of(toy)[number]
    ensemble = Ensemble(toy.networks(0))
    counts = count_kept(BudgetSettings(keep=None, ratio=6.0, dense_layers=()), prunable(toy.networks(0)[0]))
    mask = prune(settings, ensemble, counts, toy.plan(0), toy.fit(ensemble), toy.generators(0))
    for name, weight in toy.values(ensemble).items():
        assert torch.equal(weight != 0, mask.kept[name])


@pytest.mark.parametrize("number", range(len(METHODS)))
def test_pruning_twice_gives_the_same_bits(toy: Any, number: int) -> None:
    """Equal networks, settings and generators give equal masks and weights; the global generator is not asked."""
    before = torch.get_rng_state()
    ends = []
    for _ in range(2):
        ensemble = Ensemble(toy.networks(0, 1))
        counts = {name: weight[0].numel() // 5 for name, weight in ensemble.weights().items()}
        settings = settings_of(toy)[number]
        prune(settings, ensemble, counts, toy.plan(1), toy.fit(ensemble), toy.generators(0, 1))
        ends.append(toy.values(ensemble))
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    assert torch.equal(before, torch.get_rng_state())
