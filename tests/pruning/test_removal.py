"""Removal of channels and branches: the smaller network computes what the masked one does."""

import copy
from collections.abc import Callable

import pytest
import torch
from residual_toys import SHAPE, mobile, neck, padded, residual, settled
from torch import nn

from privprune.errors import UserError
from privprune.models import WIRE, BlockNet, count_parameters, edge_of, shrunk, structure_of
from privprune.models.block_net import block
from privprune.models.random_layers import RandomLayer
from privprune.models.wire import build_wire
from privprune.models.wire.gaussian import GaussianSettings
from privprune.pruning.channel_groups import Removable, Structures, removable
from privprune.pruning.edge_cost import EdgeCost
from privprune.pruning.removal import fold, remove
from privprune.pruning.selection import ANY_WIDTH, Selection, StructureMasks, at_threshold
from privprune.pruning.threshold import FixedThreshold, ShareThreshold, Target, Threshold


def target(threshold: Threshold, model: BlockNet, parts: Removable, dense: int | None = None) -> Target:
    """Return a threshold on the parameters of an edge, with any widths."""
    cost = EdgeCost(model, parts)
    return Target(threshold, cost, cost.of(None) if dense is None else dense, ANY_WIDTH)


TOYS: list[Callable[[], BlockNet]] = [residual, lambda: residual(bottleneck=True), mobile, padded, neck]
EVERY: tuple[Structures, ...] = ("channels", "blocks", "both")


def drawn(parts: Removable, seed: int) -> StructureMasks:
    """Return random masks between 0 and 1."""
    chance = torch.Generator().manual_seed(seed)
    channels = {group.name: torch.rand(group.channels, generator=chance) for group in parts.groups}
    return StructureMasks(channels, {name: torch.rand((), generator=chance) for name in parts.blocks})


def zeroed(masks: StructureMasks, kept: Selection) -> StructureMasks:
    """Return the masks with 0 for all that does not stay."""
    channels = {name: mask * kept.channels[name] for name, mask in masks.channels.items()}
    return StructureMasks(channels, {name: mask * (name not in kept.removed) for name, mask in masks.blocks.items()})


def masked(model: BlockNet, parts: Removable, masks: StructureMasks, images: torch.Tensor) -> torch.Tensor:
    """Run a network with every normalisation's output multiplied by its masks, one after another."""
    twin = copy.deepcopy(model)
    factors = [(norm, masks.channels[group.name]) for group in parts.groups for norm in group.norms]
    factors += [(norm, masks.blocks[name]) for name, norm in parts.blocks.items()]
    for norm, mask in factors:
        layer = twin.get_submodule(norm)
        layer.forward = times(layer.forward, mask)
    with torch.no_grad():
        return twin(images)


def times(
    forward: Callable[[torch.Tensor], torch.Tensor], mask: torch.Tensor
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a layer's function with its channels multiplied."""
    return lambda features: (forward(features).movedim(1, -1) * mask).movedim(-1, 1)


@pytest.mark.parametrize("structures", EVERY)
@pytest.mark.parametrize("make", TOYS)
def test_the_smaller_network_computes_what_the_masked_one_does(
    make: Callable[[], BlockNet], structures: Structures
) -> None:
    """With m < tau set to 0 the outputs agree to 1e-5, and the edge has as many parameters as were predicted."""
    model = settled(make(), 1)
    parts = removable(model, SHAPE).only(structures)
    images = torch.randn(5, *SHAPE, generator=torch.Generator().manual_seed(2))
    for seed in range(3):
        masks = drawn(parts, seed)
        kept = at_threshold(masks, 0.5, parts, spare=True)
        want = masked(model, parts, zeroed(masks, kept), images)
        folded = copy.deepcopy(model)
        fold(folded, masks, parts)
        smaller = remove(folded, parts, kept, SHAPE)
        with torch.no_grad():
            torch.testing.assert_close(smaller(images), want, rtol=0, atol=1e-5)
        assert count_parameters(edge_of(smaller)) == EdgeCost(model, parts).of(kept)
        again = shrunk(model, structure_of(model, smaller))
        again.load_state_dict(smaller.state_dict())
        assert torch.equal(again.eval()(images), smaller(images))


def test_folding_alone_changes_no_output() -> None:
    """StructureMasks in scale and shift are the masks behind the normalisation."""
    model = settled(residual(), 1)
    parts = removable(model, SHAPE)
    images, masks = torch.randn(4, *SHAPE), drawn(parts, 5)
    want = masked(model, parts, masks, images)
    fold(model, masks, parts)
    with torch.no_grad():
        torch.testing.assert_close(model(images), want, rtol=0, atol=1e-5)


def test_channels_that_are_added_hang_together_across_the_cut() -> None:
    """The second stage is one group with the cloud's block; a branch's inside is a group of its own."""
    groups = {group.name: group for group in removable(residual(), SHAPE).groups}
    assert groups["block2.conv2"].producers == ("block2.conv2", "block2.shortcut.conv", "block3.conv2")
    assert groups["block2.conv2"].readers == ("block3.conv1", "fc.linear")
    assert groups["block1.conv1"].producers == ("block1.conv1",)
    assert "block3.conv1" not in groups  # the inside of the cloud's block


def test_what_zero_does_not_pass_is_left_alone() -> None:
    """Neither the bottleneck, nor shifted channels, nor convolutions without normalisation are groups."""
    names = {group.name for group in removable(residual(bottleneck=True), SHAPE).groups}
    assert names == {"stem.conv", "block1.conv1", "block2.conv1", "block2.conv2"}
    assert {group.name for group in removable(padded(), SHAPE).groups} == {"block1.conv1", "block2.conv1"}
    bare = block(conv=nn.Conv2d(3, 4, 3), relu=nn.ReLU(), next=nn.Conv2d(4, 4, 3), norm=nn.BatchNorm2d(4))
    end = block(flatten=nn.Flatten(), linear=nn.Linear(64, 4))
    whole = BlockNet([("bare", bare), (WIRE, nn.Identity()), ("fc", end)])
    assert removable(whole, SHAPE) == Removable((), {})


def test_looking_for_groups_draws_nothing() -> None:
    """Random layers, on the wire and elsewhere, need no generator for it, and stay where they are."""
    model = residual()
    quiet = removable(model, SHAPE)
    model.wire = build_wire(GaussianSettings("gaussian", 0.5))
    model.block1.shortcut = NoiseOfItsOwn()
    assert removable(model, SHAPE) == quiet
    kept = Selection({group.name: torch.arange(group.channels) < 2 for group in quiet.groups}, ())
    smaller = remove(model, quiet, kept, SHAPE)
    assert isinstance(smaller.wire, type(model.wire))
    assert isinstance(smaller.block1.shortcut, NoiseOfItsOwn)


class NoiseOfItsOwn(RandomLayer):
    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features + self.uniform(features)


def test_a_share_takes_the_smallest_threshold_that_removes_it() -> None:
    """Of all thresholds between the masks, tried one by one, the first that removes enough gives what is kept."""
    model = settled(residual(), 1)
    parts, dense = removable(model, SHAPE), count_parameters(edge_of(model))
    masks = drawn(parts, 7)
    for share in (0.01, 0.3, 0.7, 0.92):
        taus = [*sorted(set(masks.values().tolist())), 2.0]
        every = [at_threshold(masks, tau, parts, spare=True) for tau in taus]
        enough = next(kept for kept in every if dense - EdgeCost(model, parts).of(kept) >= share * dense)
        found = target(ShareThreshold("share", share, "parameters"), model, parts, dense).choose(masks).kept
        assert found.removed == enough.removed
        assert all(torch.equal(found.channels[name], enough.channels[name]) for name in enough.channels)


def test_one_channel_of_every_group_stays() -> None:
    """The largest share that is allowed leaves one channel each, and is reached; a little more is refused."""
    model = settled(residual(), 1)
    parts, dense = removable(model, SHAPE), count_parameters(edge_of(model))
    least = count_parameters(edge_of(remove(model, parts, _one_each(parts), SHAPE)))
    target(ShareThreshold("share", 1 - least / dense - 1e-6, "parameters"), model, parts).check()
    with pytest.raises(ValueError, match=f"allowed up to {1 - least / dense:.4g} of the parameters, where every group"):
        target(ShareThreshold("share", 1 - least / dense + 1e-6, "parameters"), model, parts).check()
    with pytest.raises(ValueError, match="more than the edge can lose"):
        target(ShareThreshold("share", 0.999, "parameters"), model, parts).choose(drawn(parts, 1))


def _one_each(parts: Removable) -> Selection:
    first = {group.name: torch.arange(group.channels) == 0 for group in parts.groups}
    inside = {group.name for group in parts.groups if any(group.inside(name) for name in parts.blocks)}
    kept = {name: torch.ones_like(mask) if name in inside else mask for name, mask in first.items()}
    return Selection(kept, tuple(parts.blocks))


def test_a_threshold_that_removes_nothing_or_a_whole_stage_is_refused() -> None:
    """One line each, with the smallest or the stage's largest mask; a branch that goes takes its inside along."""
    model = settled(residual(), 1)
    parts = removable(model, SHAPE)
    ones = StructureMasks(
        {group.name: torch.ones(group.channels) for group in parts.groups}, {"block1": torch.tensor(1.0)}
    )
    parts = Removable(parts.groups, {"block1": "block1.norm2"})

    def chosen(masks: StructureMasks) -> Selection:
        return target(FixedThreshold("fixed", 0.5), model, parts).choose(masks).kept

    with pytest.raises(ValueError, match=r"found 0\.5, which removes nothing, allowed above the smallest mask, 1$"):
        chosen(ones)
    gone = StructureMasks({**ones.channels, "block1.conv1": torch.full((6,), 0.25)}, ones.blocks)
    with pytest.raises(
        ValueError, match=r"removes the whole stage block1\.conv1, allowed up to its largest mask, 0\.25"
    ):
        chosen(gone)
    assert chosen(StructureMasks(gone.channels, {"block1": torch.tensor(0.1)})).removed == ("block1",)
    with pytest.raises(UserError, match="not finite"):
        chosen(StructureMasks(ones.channels, {"block1": torch.tensor(float("nan"))}))


def test_an_edge_with_nothing_to_remove_is_refused() -> None:
    """Blocks of a network without shortcuts: one line before any training."""
    parts = removable(residual(), SHAPE)
    with pytest.raises(ValueError, match=r"method\.structures: the edge has none to remove"):
        target(FixedThreshold("fixed", 0.5), residual(), Removable((), {})).check()
    target(FixedThreshold("fixed", 0.5), residual(), parts).check()
