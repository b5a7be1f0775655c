"""Which widths are left, what they cost, and how strongly each mask is drawn to 0."""

from typing import Any

import pytest
import torch
from residual_toys import SHAPE, mobile, neck, residual, settled

from privprune.metrics.cost import multiply_accumulates
from privprune.models import BlockNet, count_parameters, edge_of
from privprune.pruning.channel_groups import Removable, removable, wire_group
from privprune.pruning.edge_cost import edge_cost
from privprune.pruning.removal import remove
from privprune.pruning.selection import StructureMasks, WidthRules, at_threshold
from privprune.pruning.soft_mask_term import SoftMask
from privprune.pruning.sparsity import SparsityWeights, needed_weight, sparsity_weights
from privprune.pruning.threshold import ShareThreshold, Target
from privprune.training.ensemble import Ensemble

TOYS = [residual, mobile, neck]


def drawn(parts: Removable, seed: int) -> StructureMasks:
    """Return random masks between 0 and 1."""
    chance = torch.Generator().manual_seed(seed)
    channels = {group.name: torch.rand(group.channels, generator=chance) for group in parts.groups}
    return StructureMasks(channels, {name: torch.rand((), generator=chance) for name in parts.blocks})


@pytest.mark.parametrize("multiple", [2, 4])
def test_widths_are_multiples_or_all(multiple: int) -> None:
    """At least `least`, rounded up; those that stay have the largest masks of their group."""
    parts, rules = removable(residual(), SHAPE).only("channels"), WidthRules(multiple, 3, {})
    for seed in range(5):
        masks = drawn(parts, seed)
        kept = at_threshold(masks, 0.7, parts, rules, spare=True)
        for group in parts.groups:
            own, mask = kept.channels[group.name], masks.channels[group.name]
            wanted = max(3, int((mask >= 0.7).sum()))
            assert int(own.sum()) == min(group.channels, -(-wanted // multiple) * multiple)
            assert own.all() or mask[own].min() >= mask[~own].max()


def test_what_goes_on_the_wire_has_a_width_of_its_own() -> None:
    """The group that the cloud reads keeps its number of channels at any threshold; a bottleneck has no such group."""
    model = residual()
    parts = removable(model, SHAPE)
    sent = wire_group(model, parts)
    assert sent is not None
    assert sent.name == "block2.conv2"
    rules = WidthRules(1, 1, {sent.name: 4})
    for tau in (0.0, 0.5, 2.0):
        kept = at_threshold(drawn(parts, 1), tau, parts, rules, spare=True)
        assert int(kept.channels[sent.name].sum()) == 4
        assert remove(settled(residual(), 1), parts, kept, SHAPE).block3.conv1.in_channels == 4
    narrow = residual(bottleneck=True)
    assert wire_group(narrow, removable(narrow, SHAPE)) is None


@pytest.mark.parametrize("make", TOYS)
def test_costs_are_those_of_the_smaller_network(make: Any) -> None:
    """Parameters and operations, before and after, agree with counts of the networks; a price is their difference."""
    model: BlockNet = settled(make(), 1)
    parts = removable(model, SHAPE)
    kept = at_threshold(drawn(parts, 3), 0.5, parts, spare=True)
    smaller = remove(model, parts, kept, SHAPE)
    work, size = (edge_cost(model, parts, what, SHAPE) for what in ("operations", "parameters"))  # type: ignore[arg-type]
    for found, network in ((None, model), (kept, smaller)):
        assert work.of(found) == multiply_accumulates(edge_of(network), torch.zeros(1, *SHAPE))
        assert size.of(found) == count_parameters(edge_of(network))
    group = parts.groups[0]
    less = at_threshold(StructureMasks({**drawn(parts, 1).channels}, drawn(parts, 1).blocks), 0.0, parts, spare=True)
    less.channels[group.name][0] = False
    assert size.price(group.name) == count_parameters(edge_of(model)) - count_parameters(
        edge_of(remove(model, parts, less, SHAPE))
    )


def test_weights_are_prices_relative_to_the_mean_of_their_kind() -> None:
    """The mean over all channels is 1, and so is that over all blocks; `equal` weighs nothing."""
    model = settled(residual(), 1)
    parts = removable(model, SHAPE)
    cost = edge_cost(model, parts, "operations", SHAPE)
    weights = sparsity_weights("operations", parts, model, SHAPE)
    every = torch.cat([torch.full((group.channels,), weights.channels[group.name]) for group in parts.groups])
    assert every.mean().item() == pytest.approx(1)
    assert sum(weights.blocks.values()) == pytest.approx(len(parts.blocks))
    first, second = parts.groups[0].name, parts.groups[1].name
    ratio = cost.price(first) / cost.price(second)
    assert weights.channels[first] / weights.channels[second] == pytest.approx(ratio)
    assert set(sparsity_weights("equal", parts, model, SHAPE).channels.values()) == {1.0}


def test_masks_that_suffice_must_be_able_to_reach_zero() -> None:
    """The needed weight is the largest whose structures are enough, tried one by one; a fixed width needs its own."""
    model = settled(residual(), 1)
    parts = removable(model, SHAPE)
    cost = edge_cost(model, parts, "parameters", SHAPE)
    weights = sparsity_weights("parameters", parts, model, SHAPE)
    found = []
    for share in (0.05, 0.4, 0.8):
        target = Target(ShareThreshold("share", share, "parameters"), cost, cost.of(None), WidthRules())
        needed = needed_weight(weights, target)
        assert target.reached(target.at(0.5, weights.at_least(needed, parts)))
        higher = [one for one in {*weights.channels.values(), *weights.blocks.values()} if one > needed]
        assert not any(target.reached(target.at(0.5, weights.at_least(one, parts))) for one in higher)
        found.append(needed)
    assert found == sorted(found, reverse=True)
    light = min(weights.channels, key=lambda name: weights.channels[name])
    fixed = Target(ShareThreshold("share", 0.05, "parameters"), cost, cost.of(None), WidthRules(1, 1, {light: 2}))
    assert needed_weight(weights, fixed) == weights.channels[light]


def test_a_weighted_mask_falls_by_its_weight_and_the_fewest_stay() -> None:
    """Without gradients, steps are rate x lambda x weight; as many masks as must stay are never 0."""
    ensemble = Ensemble([residual()])
    parts = removable(ensemble.module, SHAPE)  # type: ignore[arg-type]
    weights = SparsityWeights(
        {group.name: 1.0 + number for number, group in enumerate(parts.groups)}, dict.fromkeys(parts.blocks, 0.5)
    )
    steps: Any = type("Steps", (), {"sparsity": 0.2, "learning_rate": 0.5, "momentum": 0.0})()
    term = SoftMask(steps, parts, weights=weights, rules=WidthRules(2, 1, {}))
    term.start(ensemble)
    step: Any = type("Step", (), {"last_of_epoch": False})()
    term.update(step)
    for number, group in enumerate(parts.groups):
        assert torch.allclose(term.masks.channels[group.name], torch.tensor(1 - 0.1 * (1.0 + number)))
    assert term.masks.blocks["block1"].item() == pytest.approx(0.95)
    for _ in range(30):
        term.update(step)
    assert {int(mask.count_nonzero()) for mask in term.masks.channels.values()} == {2}
    assert term.masks.blocks["block1"].item() == 0


def test_a_share_of_the_operations_is_reached() -> None:
    """At least the share of multiply-accumulates goes, as counted in the smaller network."""
    model = settled(residual(), 1)
    parts = removable(model, SHAPE)
    cost = edge_cost(model, parts, "operations", SHAPE)
    for share in (0.3, 0.6):
        target = Target(ShareThreshold("share", share, "operations"), cost, cost.of(None), WidthRules(2, 2, {}))
        removal = target.choose(drawn(parts, 5))
        smaller = remove(model, parts, removal.kept, SHAPE)
        left = multiply_accumulates(edge_of(smaller), torch.zeros(1, *SHAPE))
        assert 1 - left / cost.of(None) >= share
        assert 0 < removal.tau <= 1
