"""Removal of channels and residual branches whose masks are small: the network that is left, and how small it is."""

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

Between = Annotated[float, Range(0, 1, open_low=True, open_high=True)]


@dataclass(frozen=True)
class FixedThreshold:
    """Remove what has a mask below `value`: the tau of PATROL, whose value no readable source gives."""

    name: Literal["fixed"]
    value: Between


@dataclass(frozen=True)
class ShareThreshold:
    """Take the smallest tau that removes at least the share `removed` of the edge's parameters.

    Of every group of channels the one with the largest mask stays, whatever tau is.
    """

    name: Literal["share"]
    removed: Between


Threshold = FixedThreshold | ShareThreshold


@dataclass(frozen=True)
class Masks:
    """One value per structure.

    Attributes:
        channels: name of a group -> float [channels].
        blocks: name of a residual block -> float [].

    """

    channels: dict[str, Tensor]
    blocks: dict[str, Tensor]

    def values(self) -> Tensor:
        """Return all of them, float [masks]."""
        return torch.cat([value.detach().flatten() for value in (*self.channels.values(), *self.blocks.values())])


@dataclass(frozen=True)
class Kept:
    """What stays of a network.

    Attributes:
        channels: name of a group -> bool [channels].
        removed: residual blocks that lose their branch.

    """

    channels: dict[str, Tensor]
    removed: tuple[str, ...]


def at_threshold(masks: Masks, tau: float, parts: Removable, *, spare_one: bool) -> Kept:
    """Keep the structures whose mask is at least tau.

    Args:
        masks: of the structures in `parts`.
        tau: the threshold.
        parts: what can be removed.
        spare_one: keep the channel with the largest mask where a group would lose all.

    """
    removed = tuple(name for name in parts.blocks if float(masks.blocks[name]) < tau)
    channels = {}
    for group in parts.groups:
        mask = masks.channels[group.name]
        kept = mask >= tau
        if any(group.inside(block) for block in removed):
            kept = torch.ones_like(kept)  # they go with the branch
        elif spare_one and not kept.any():
            kept[mask.argmax()] = True
        channels[group.name] = kept
    return Kept(channels, removed)


def choose(threshold: Threshold, masks: Masks, parts: Removable, model: BlockNet, dense: int) -> Kept:
    """Decide what stays.

    Args:
        threshold: how.
        masks: of the structures in `parts`.
        parts: what can be removed.
        model: the network with the masks.
        dense: parameters of the edge that the share is of.

    Raises:
        UserError: the masks are not finite.
        ValueError: nothing would be removed, a group of channels as a whole, or less than the share.

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


def _below(tau: float, masks: Masks, parts: Removable) -> Kept:
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
    """Hold a threshold against a network before anything is trained.

    Raises:
        ValueError: there is nothing that can be removed, or the share is more than can be removed.

    """
    if not parts.groups and not parts.blocks:
        raise ValueError("method.structures: the edge has none to remove, allowed another kind or a later cut")
    if isinstance(threshold, FixedThreshold):
        return
    dense, least = edge_parameters(model, parts, None), edge_parameters(model, parts, _least(parts))
    if dense - least < threshold.removed * dense:
        raise ValueError(
            f"method.threshold.removed: found {threshold.removed:g}, allowed up to {1 - least / dense:.4g}, "
            "where one channel of every group is left"
        )


def _least(parts: Removable) -> Kept:
    """Keep one channel of every group, and no branch."""
    zeros = Masks(
        {group.name: torch.zeros(group.channels) for group in parts.groups},
        {name: torch.zeros(()) for name in parts.blocks},
    )
    return at_threshold(zeros, 1.0, parts, spare_one=True)


def edge_parameters(model: BlockNet, parts: Removable, kept: Kept | None) -> int:
    """Count the parameters that the edge would have left, without removing any; `kept` None for all."""
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
    """Count a layer's own parameters with other numbers of inputs and outputs; None for as they are."""
    total = 0
    for value in layer.parameters(recurse=False):
        sizes = list(value.shape)
        sizes[0] = sizes[0] if outputs is None else outputs
        if value.dim() > 1 and inputs is not None and getattr(layer, "groups", 1) == 1:
            sizes[1] = inputs
        total += torch.Size(sizes).numel()
    return total


@torch.no_grad()
def fold(model: nn.Module, masks: Masks, parts: Removable) -> None:
    """Multiply the masks into scale and shift of the normalisations that they follow, in place; exact."""
    factors = [(name, masks.channels[group.name]) for group in parts.groups for name in group.norms]
    factors += [(norm, masks.blocks[block]) for block, norm in parts.blocks.items()]
    for name, mask in factors:
        norm = model.get_submodule(name)
        for value in norm.parameters(recurse=False):
            value.mul_(mask.detach().to(value))


def remove(model: BlockNet, parts: Removable, kept: Kept, image_shape: tuple[int, int, int]) -> BlockNet:
    """Return a smaller network: the branches gone, the channels cut out of every layer that has them.

    In evaluation mode it computes what the network does where all that is removed gives zero after its normalisation,
    but for what a noisy wire adds to channels that carry nothing.

    Args:
        model: the network; left as it is.
        parts: what can be removed of it.
        kept: what stays.
        image_shape: (C, H, W) of its images.

    Returns:
        the network on the CPU, in evaluation mode.

    """
    import torch_pruning  # noqa: PLC0415 (most stages that import this package remove nothing)

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
    """Give a shift of 0 to each normalisation without one, as a BNNeck is: torch-pruning cuts every norm's shift."""
    norms = (layer for layer in model.modules() if isinstance(layer, _BatchNorm))
    shiftless = [norm for norm in norms if norm.weight is not None and norm.bias is None]
    for norm in shiftless:
        norm.bias = nn.Parameter(torch.zeros_like(norm.weight))
    return shiftless


def _root(model: nn.Module, producers: tuple[str, ...]) -> nn.Conv2d | None:
    """Return the first producer that is still there, None where all went with a branch."""
    modules: Mapping[str, nn.Module] = dict(model.named_modules())
    there = (modules.get(name) for name in producers)
    return next((layer for layer in there if isinstance(layer, nn.Conv2d) and layer.groups == 1), None)
