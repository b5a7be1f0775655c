"""Removal from the edges that a suite can name: what is left computes what the masked network does, to rounding."""

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch

from privprune.metrics.cost import multiply_accumulates
from privprune.models import BlockNet, CutSettings, build, count_parameters, edge_of, shrunk, structure_of
from privprune.models.wire.plain import PlainSettings
from privprune.pruning.channel_groups import Removable, removable, wire_group
from privprune.pruning.edge_cost import edge_cost
from privprune.pruning.removal import fold, remove
from privprune.pruning.selection import StructureMasks, WidthRules, at_threshold
from privprune.pruning.soft_mask_term import SoftMask
from privprune.training.ensemble import Ensemble

EDGES = {  # blocks of the edge with the stem, and pixels of an image
    "photos_resnet": (4, 16),
    "resnet18_reid": (6, 32),  # the paper's network, five of its eight blocks on the edge
    "mobilenet_v2_reid": (8, 16),
    "small_vit": (4, 16),
}
every_edge = pytest.mark.parametrize("name", EDGES)


def network(name: str) -> tuple[BlockNet, tuple[int, int, int]]:
    """Return a network whose normalisations have seen data, in evaluation mode, and the shape of its images."""
    after, size = EDGES[name]
    cut = CutSettings(after, None, extra_convolution=False, wire=PlainSettings("plain"), skip=None)
    chance = torch.Generator().manual_seed(0)
    model = build(name, in_channels=3, image_size=size, classes=5, generator=chance, cut=cut)
    for part, value in model.state_dict().items():
        if value.is_floating_point() and ("norm" in part or "neck" in part):
            noise = torch.rand(value.shape, generator=chance)
            value.copy_(noise - 0.3 if part.endswith(("bias", "mean")) else noise + 0.5)
    return model.eval(), (3, size, size)


def random_masks(parts: Removable, chance: torch.Generator) -> StructureMasks:
    """Draw a mask in [0, 1] for each channel of each group and each block."""
    return StructureMasks(
        {group.name: torch.rand(group.channels, generator=chance) for group in parts.groups},
        {block: torch.rand((), generator=chance) for block in parts.blocks},
    )


@every_edge
def test_the_smaller_network_is_the_masked_one_to_rounding(name: str) -> None:
    """With random masks, those of what is removed at 0: logits agree to 1e-12 of their size in double precision."""
    model, shape = network(name)
    parts = removable(model, shape)
    chance = torch.Generator().manual_seed(2)
    drawn = random_masks(parts, chance)
    kept = at_threshold(drawn, 0.5, parts, WidthRules(4, 4, {}), spare=True)
    masks = StructureMasks(
        {group: mask * kept.channels[group] for group, mask in drawn.channels.items()},
        {block: mask * (block not in kept.removed) for block, mask in drawn.blocks.items()},
    )
    images = torch.rand(3, *shape, generator=chance, dtype=torch.float64) * 2 - 1
    masked = copy.deepcopy(model)
    steps: Any = type("Steps", (), {"sparsity": 1.0, "learning_rate": 1.0, "momentum": 0.0})()
    term = SoftMask(steps, parts)
    term.start(Ensemble([masked]))
    smaller = remove(model, parts, kept, shape).double()
    with torch.no_grad():
        for group, mask in masks.channels.items():
            term.masks.channels[group].copy_(mask)
        for block, value in masks.blocks.items():
            term.masks.blocks[block].copy_(value)
        expected = masked.double()(images)
        left = StructureMasks(
            {group: mask[kept.channels[group]] for group, mask in masks.channels.items()}, masks.blocks
        )
        fold(smaller, left, still_there(parts, smaller))
        found = smaller(images)
    assert (found - expected).abs().max() <= 1e-12 * expected.abs().max()
    assert kept.removed


def still_there(parts: Removable, smaller: BlockNet) -> Removable:
    """Return the structures of a network without those that a removal has taken."""
    names = {name for name, _ in smaller.named_modules()}
    groups = [replace(group, norms=tuple(norm for norm in group.norms if norm in names)) for group in parts.groups]
    return Removable(tuple(groups), {block: norm for block, norm in parts.blocks.items() if norm in names})


@every_edge
def test_costs_and_structure_are_those_of_the_smaller_network(name: str) -> None:
    """Parameters and operations as counted in it; widths are multiples of 4; it is built again from its structure."""
    model, shape = network(name)
    parts = removable(model, shape)
    chance = torch.Generator().manual_seed(3)
    channels = random_masks(parts, chance).channels
    masks = StructureMasks(channels, {block: torch.ones(()) for block in parts.blocks})
    sent = wire_group(model, parts)
    assert sent is not None
    kept = at_threshold(masks, 0.6, parts, WidthRules(4, 4, {sent.name: 8}), spare=True)
    smaller = remove(model, parts, kept, shape)
    structure = structure_of(model, smaller)
    assert all(sizes[-1] % 4 == 0 for layer, sizes in structure.channels.items() if "conv" in layer)
    assert edge_of(smaller)(torch.zeros(1, *shape)).shape[1] == 8
    assert edge_cost(model, parts, "parameters", shape).of(kept) == count_parameters(edge_of(smaller))
    if name != "small_vit":  # whose attention between tokens is neither a convolution nor a linear layer
        work = multiply_accumulates(edge_of(smaller), torch.zeros(1, *shape))
        assert edge_cost(model, parts, "operations", shape).of(kept) == work
    again = shrunk(model, structure)
    again.load_state_dict(smaller.state_dict())
    images = torch.rand(2, *shape, generator=chance)
    assert torch.equal(again.eval()(images), smaller(images))


def test_the_papers_edge_has_its_known_size() -> None:
    """ResNet-18 behind five blocks: 1,602,112 parameters, as counted by hand."""
    model, _ = network("resnet18_reid")
    assert count_parameters(edge_of(model)) == 1_602_112
