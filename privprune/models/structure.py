"""The structure of a network after removal: described from a smaller network, and rebuilt from the description."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from torch import Tensor, nn

from privprune.errors import UserError
from privprune.models.block_net import BlockNet
from privprune.models.residual import Residual, ShortcutOnly

_Resizable = nn.Conv2d | nn.Linear | nn.BatchNorm2d | nn.BatchNorm1d


@dataclass(frozen=True)
class Structure:
    """The differences between a smaller network and its architecture.

    Attributes:
        removed: residual blocks without their branch.
        channels: layer -> remaining channels, for layers that have lost some: (in, out) of convolutions and linear
            layers, (channels,) of normalisations. In and out are equal for a depthwise convolution.

    """

    removed: tuple[str, ...]
    channels: dict[str, tuple[int, ...]]


def structure_of(dense: nn.Module, smaller: nn.Module) -> Structure:
    """Describe a smaller network by its differences to the dense one.

    Args:
        dense: the network as its architecture defines it.
        smaller: the same without some residual branches and some channels.

    """
    before = dict(dense.named_modules())
    removed, channels = [], {}
    for name, module in smaller.named_modules():
        if isinstance(module, ShortcutOnly) and isinstance(before[name], Residual):
            removed.append(name)
        if isinstance(module, _Resizable) and _sizes(module) != _sizes(before[name]):
            channels[name] = _sizes(module)
    return Structure(tuple(removed), channels)


def shrunk(model: BlockNet, structure: Structure) -> BlockNet:
    """Return a copy of a network with a given structure; each layer keeps its first channels.

    Args:
        model: the network as its architecture defines it.
        structure: the structure of the copy.

    Raises:
        UserError: the network has no such block or layer, or fewer channels.

    """
    smaller = copy.deepcopy(model)
    for name in structure.removed:
        remove_branch(smaller, name)
    modules = dict(smaller.named_modules())
    for name, sizes in structure.channels.items():
        layer = modules.get(name)
        if not isinstance(layer, _Resizable) or not _fits(sizes, _sizes(layer)):
            allowed = "none" if not isinstance(layer, _Resizable) else f"at most {list(_sizes(layer))}"
            raise UserError(f"structure: {name}: found {list(sizes)} channels, allowed {allowed}")
        _resize(layer, sizes)
    return smaller


def remove_branch(model: nn.Module, name: str) -> None:
    """Replace a residual block by its shortcut, in place.

    Raises:
        UserError: there is no residual block of this name, or it has no shortcut.

    """
    block = dict(model.named_modules()).get(name)
    if not isinstance(block, Residual) or not block.has_shortcut:
        raise UserError(f"structure: {name}: found no residual block of this name, allowed blocks with a shortcut")
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, block.without_branch())


def _sizes(layer: nn.Module) -> tuple[int, ...]:
    """Return (in, out) or (channels,), as in `Structure`; () for other layers."""
    if isinstance(layer, nn.Conv2d):
        return layer.in_channels, layer.out_channels
    if isinstance(layer, nn.Linear):
        return layer.in_features, layer.out_features
    if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d):
        return (layer.num_features,)
    return ()


def _fits(sizes: tuple[int, ...], largest: tuple[int, ...]) -> bool:
    return len(sizes) == len(largest) and all(1 <= size <= most for size, most in zip(sizes, largest, strict=True))


def _resize(layer: _Resizable, sizes: tuple[int, ...]) -> None:
    if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm1d):
        (layer.num_features,) = sizes
        for name in ("weight", "bias", "running_mean", "running_var"):
            _cut(layer, name, sizes[0])
        return
    inputs, outputs = sizes
    if isinstance(layer, nn.Conv2d):
        layer.groups = inputs if layer.groups > 1 else 1
        layer.in_channels, layer.out_channels = inputs, outputs
        _cut(layer, "weight", outputs, inputs // layer.groups)
    else:
        layer.in_features, layer.out_features = inputs, outputs
        _cut(layer, "weight", outputs, inputs)
    _cut(layer, "bias", outputs)


def _cut(layer: nn.Module, name: str, *sizes: int) -> None:
    """Keep the first values along each dimension of a parameter or buffer."""
    value: Tensor | None = getattr(layer, name)
    if value is None:
        return
    kept = value.detach()[tuple(slice(size) for size in sizes)].clone()
    parameter = isinstance(value, nn.Parameter)
    setattr(layer, name, nn.Parameter(kept, requires_grad=value.requires_grad) if parameter else kept)
