"""Removal of channels and residual branches from a network, for good."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from privprune.models import BlockNet
from privprune.models.structure import remove_branch
from privprune.pruning.channel_groups import Removable, dependencies
from privprune.pruning.selection import Selection, StructureMasks


@torch.no_grad()
def fold(model: nn.Module, masks: StructureMasks, parts: Removable) -> None:
    """Multiply scale and shift of each normalisation by the mask that acts on its output, in place; this is exact."""
    factors = [(name, masks.channels[group.name]) for group in parts.groups for name in group.norms]
    factors += [(norm, masks.blocks[block]) for block, norm in parts.blocks.items()]
    for name, mask in factors:
        norm = model.get_submodule(name)
        for value in norm.parameters(recurse=False):
            value.mul_(mask.detach().to(value))


def remove(model: BlockNet, parts: Removable, kept: Selection, image_shape: tuple[int, int, int]) -> BlockNet:
    """Return a smaller network, without the removed branches, and without the removed channels in any layer.

    In evaluation mode it computes the same function as the network, if everything that is removed is zero after its
    normalisation; but a wire no longer adds noise to removed channels.

    Args:
        model: the network, which is not changed.
        parts: what can be removed of it.
        kept: which structures stay.
        image_shape: (C, H, W) of its images.

    Returns:
        the network on the CPU, in evaluation mode.

    """
    import torch_pruning  # noqa: PLC0415 (slow to import, and most stages remove nothing)

    smaller = copy.deepcopy(model).cpu()
    for name in kept.removed:
        remove_branch(smaller, name)
    shiftless = _lend_shifts(smaller)
    graph = dependencies(smaller, image_shape)
    for group in parts.groups:
        gone = (~kept.channels[group.name]).nonzero().flatten().tolist()
        root = _root(smaller, group.producers)
        if gone and root is not None:
            graph.get_pruning_group(root, torch_pruning.prune_conv_out_channels, gone).prune()
    for norm in shiftless:
        norm.register_parameter("bias", None)
    return smaller


def _lend_shifts(model: BlockNet) -> list[_BatchNorm]:
    """Give a shift of 0 to normalisations without one, such as a BNNeck: torch-pruning expects one in every norm."""
    norms = (layer for layer in model.modules() if isinstance(layer, _BatchNorm))
    shiftless = [norm for norm in norms if norm.weight is not None and norm.bias is None]
    for norm in shiftless:
        norm.bias = nn.Parameter(torch.zeros_like(norm.weight))
    return shiftless


def _root(model: nn.Module, producers: tuple[str, ...]) -> nn.Conv2d | None:
    """Return the first producer that is left, None where all were removed with a branch."""
    modules: Mapping[str, nn.Module] = dict(model.named_modules())
    there = (modules.get(name) for name in producers)
    return next((layer for layer in there if isinstance(layer, nn.Conv2d) and layer.groups == 1), None)
