"""Removal of channels and residual branches whose soft masks are small, and the size of the network that is left."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from privprune.errors import UserError
from privprune.models import BlockNet
from privprune.models.structure import remove_branch
from privprune.pruning.channel_groups import Removable, dependencies, edge_blocks
from privprune.settings import Range

OpenFraction = Annotated[float, Range(0, 1, open_low=True, open_high=True)]


@dataclass(frozen=True)
class FixedThreshold:
    """Remove the structures whose mask is below `value`: tau of PATROL, whose value no accessible source gives."""

    name: Literal["fixed"]
    value: OpenFraction


@dataclass(frozen=True)
class ShareThreshold:
    """Use the smallest tau that removes at least the share `removed` of the edge's parameters.

    The channel with the largest mask of each group is never removed.
    """

    name: Literal["share"]
    removed: OpenFraction


Threshold = FixedThreshold | ShareThreshold


@dataclass(frozen=True)
class StructureMasks:
    """The soft masks: one value per structure.

    Attributes:
        channels: name of a group -> float [channels].
        blocks: name of a residual block -> float [].

    """

    channels: dict[str, Tensor]
    blocks: dict[str, Tensor]

    def values(self) -> Tensor:
        """Return all values, float [masks]."""
        return torch.cat([value.detach().flatten() for value in (*self.channels.values(), *self.blocks.values())])


@dataclass(frozen=True)
class Selection:
    """Which structures of a network stay.

    Attributes:
        channels: name of a group -> bool [channels], true for those that stay.
        removed: residual blocks that lose their branch.

    """

    channels: dict[str, Tensor]
    removed: tuple[str, ...]


def at_threshold(masks: StructureMasks, tau: float, parts: Removable, *, spare_one: bool) -> Selection:
    """Select the structures whose mask is at least tau.

    Args:
        masks: those of the structures in `parts`.
        tau: the threshold.
        parts: what can be removed.
        spare_one: whether to keep the channel with the largest mask where a group would lose all.

    """
    removed = tuple(name for name in parts.blocks if float(masks.blocks[name]) < tau)
    channels = {}
    for group in parts.groups:
        mask = masks.channels[group.name]
        kept = mask >= tau
        if any(group.inside(block) for block in removed):
            kept = torch.ones_like(kept)  # they are removed with the branch
        elif spare_one and not kept.any():
            kept[mask.argmax()] = True
        channels[group.name] = kept
    return Selection(channels, removed)


def choose(threshold: Threshold, masks: StructureMasks, parts: Removable, model: BlockNet, dense: int) -> Selection:
    """Select the structures that stay.

    Args:
        threshold: a value, or a share of the parameters to remove.
        masks: those of the structures in `parts`.
        parts: what can be removed.
        model: the network with the masks.
        dense: number of the edge's parameters that the share refers to.

    Raises:
        UserError: the masks are not finite.
        ValueError: the threshold removes nothing, all channels of a group, or less than the share.

    """
    if not masks.values().isfinite().all():
        raise UserError("pruning: the masks are not finite: training diverged, allowed a lower learning rate")
    if isinstance(threshold, FixedThreshold):
        return _below(threshold.value, masks, parts)
    taus = sorted({*masks.values().tolist(), float("inf")})
    low, high = 0, len(taus)
    while low < high:
        middle = (low + high) // 2
        left = edge_parameters(model, parts, at_threshold(masks, taus[middle], parts, spare_one=True))
        low, high = (low, middle) if dense - left >= threshold.removed * dense else (middle + 1, high)
    if low == len(taus):
        raise ValueError(f"method.threshold.removed: found {threshold.removed:g}, more than the edge can lose")
    return at_threshold(masks, taus[low], parts, spare_one=True)


def enough_at_zero(threshold: Threshold, parts: Removable, model: BlockNet, dense: int, masks: StructureMasks) -> bool:
    """Return whether removing the structures whose mask is 0 removes the share; False for a fixed threshold.

    Args:
        threshold: a share of the parameters to remove, or a value.
        parts: what can be removed.
        model: the network with the masks.
        dense: number of the edge's parameters that the share refers to.
        masks: those of the structures in `parts`.

    """
    if isinstance(threshold, FixedThreshold):
        return False
    own = StructureMasks(
        {name: mask.detach().cpu() for name, mask in masks.channels.items()},
        {name: mask.detach().cpu() for name, mask in masks.blocks.items()},
    )
    left = edge_parameters(model, parts, at_threshold(own, torch.finfo(torch.float32).tiny, parts, spare_one=True))
    return dense - left >= threshold.removed * dense


def _below(tau: float, masks: StructureMasks, parts: Removable) -> Selection:
    kept = at_threshold(masks, tau, parts, spare_one=False)
    where = f"method.threshold.value: found {tau:g}"
    if not kept.removed and all(own.all() for own in kept.channels.values()):
        smallest = float(masks.values().min())
        raise ValueError(f"{where}, which removes nothing, allowed above the smallest mask, {smallest:.3g}")
    for group in parts.groups:
        if not kept.channels[group.name].any():
            largest = float(masks.channels[group.name].max())
            raise ValueError(
                f"{where}, which removes the whole stage {', '.join(group.producers)}, "
                f"allowed up to its largest mask, {largest:.3g}"
            )
    return kept


def check_threshold(threshold: Threshold, parts: Removable, model: BlockNet) -> None:
    """Validate a threshold against a network before anything is trained.

    Raises:
        ValueError: there is nothing that can be removed, or the share is more than can be removed.

    """
    if not parts.groups and not parts.blocks:
        raise ValueError("method.structures: the edge has none to remove, allowed another kind or a later cut")
    if isinstance(threshold, FixedThreshold):
        return
    dense, least = edge_parameters(model, parts, None), edge_parameters(model, parts, _smallest(parts))
    if dense - least < threshold.removed * dense:
        raise ValueError(
            f"method.threshold.removed: found {threshold.removed:g}, allowed up to {1 - least / dense:.4g}, "
            "where one channel of every group is left"
        )


def _smallest(parts: Removable) -> Selection:
    """Select one channel of every group, and no branch."""
    zeros = StructureMasks(
        {group.name: torch.zeros(group.channels) for group in parts.groups},
        {name: torch.zeros(()) for name in parts.blocks},
    )
    return at_threshold(zeros, 1.0, parts, spare_one=True)


def edge_parameters(model: BlockNet, parts: Removable, kept: Selection | None) -> int:
    """Count the parameters of the edge after a removal, without performing it; `kept` is None for no removal."""
    edge = edge_blocks(model)
    counts = {group: int(own.sum()) for group, own in (kept.channels if kept is not None else {}).items()}
    outputs = {name: counts.get(group.name) for group in parts.groups for name in (*group.producers, *group.norms)}
    inputs = {name: counts.get(group.name) for group in parts.groups for name in group.readers}
    total = 0
    for name, layer in model.named_modules():
        gone = any(_in_branch(name, block) for block in (kept.removed if kept is not None else ()))
        if name.split(".")[0] in edge and not gone:
            total += _parameters(layer, inputs.get(name), outputs.get(name))
    return total


def _in_branch(name: str, block: str) -> bool:
    return name.startswith(f"{block}.") and not f"{name}.".startswith(f"{block}.shortcut.")


def _parameters(layer: nn.Module, inputs: int | None, outputs: int | None) -> int:
    """Count a layer's own parameters for other numbers of inputs and outputs; None for the present number."""
    total = 0
    for value in layer.parameters(recurse=False):
        sizes = list(value.shape)
        sizes[0] = sizes[0] if outputs is None else outputs
        if value.dim() > 1 and inputs is not None and getattr(layer, "groups", 1) == 1:
            sizes[1] = inputs
        total += torch.Size(sizes).numel()
    return total


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
