"""What can be removed of a network's edge: groups of coupled channels, and branches of residual blocks.

Channels are coupled if they can only be removed together, according to torch-pruning's dependency graph (Fang et al.,
CVPR 2023, "DepGraph").
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import nn

from privprune.models import WIRE, BlockNet
from privprune.models.random_layers import RandomLayer
from privprune.models.residual import Residual

Structures = Literal["channels", "blocks", "both"]

# Operations between two layers that map zero to zero and act on each channel alone, by their names in autograd.
_ZERO_STAYS_ZERO = {
    "Add",
    "Alias",
    "AvgPool2D",
    "Clone",
    "Gelu",
    "Hardtanh",
    "MaxPool2DWithIndices",
    "Mean",
    "Relu",
    "T",
}
_OPERATION = re.compile(r"_ElementWiseOp_\d+\((\w+?)Backward\d*\)")


@dataclass(frozen=True)
class CoupledChannels:
    """Layers whose channels can only be removed together; where the channels are zero, removal changes no output.

    Attributes:
        name: that of the first producer.
        channels: number of channels.
        producers: convolutions that output the channels.
        norms: normalisations that the channels pass, at least one after each producer.
        readers: convolutions and linear layers that take the channels as input; a depthwise convolution is both
            producer and reader.

    """

    name: str
    channels: int
    producers: tuple[str, ...]
    norms: tuple[str, ...]
    readers: tuple[str, ...]

    def inside(self, block: str) -> bool:
        """Whether all producers lie in the branch of a residual block, so that the group is removed with the branch."""
        inside, shortcut = f"{block}.", f"{block}.shortcut."
        return all(name.startswith(inside) and not name.startswith(shortcut) for name in self.producers)


@dataclass(frozen=True)
class Removable:
    """What can be removed of a network.

    Attributes:
        groups: coupled channels, in the order of the layers, with at least one producer on the edge. A group that
            reaches across the cut has producers in the cloud too.
        blocks: residual block of the edge that can lose its branch -> the normalisation at the end of the branch.

    """

    groups: tuple[CoupledChannels, ...]
    blocks: dict[str, str]

    def only(self, structures: Structures) -> Removable:
        """Return the structures of the given kind only."""
        return replace(
            self,
            groups=self.groups if structures != "blocks" else (),
            blocks=self.blocks if structures != "channels" else {},
        )


def removable(model: BlockNet, image_shape: tuple[int, int, int]) -> Removable:
    """Find what can be removed of a network's edge.

    Excluded are: convolutions that no batch normalisation follows, such as the bottleneck's; channels that pass an
    operation between producer and reader that does not map zero to zero; channels whose index changes between producer
    and reader, as by the zero-padded shortcuts of ResNet-20; features that are flattened into a linear layer.

    Args:
        model: a network with a cut.
        image_shape: (C, H, W) of its images.

    """
    plain = copy.deepcopy(model).cpu()
    graph = dependencies(plain, image_shape)
    names = {module: name for name, module in plain.named_modules()}
    edge = edge_blocks(plain)
    groups: list[CoupledChannels] = []
    seen: set[str] = set()
    for name, layer in plain.named_modules():
        if isinstance(layer, nn.Conv2d) and name not in seen and name.split(".")[0] in edge and layer.groups == 1:
            producers, group = _group(graph, layer, names)
            seen |= producers
            groups += [] if group is None else [group]
    blocks = {
        name: f"{name}.{block.branch_norm}"
        for name, block in plain.named_modules()
        if isinstance(block, Residual) and block.has_shortcut and name.split(".")[0] in edge
    }
    return Removable(tuple(groups), blocks)


def wire_group(model: BlockNet, parts: Removable) -> CoupledChannels | None:
    """Return the channels that the edge sends: those that a layer of the cloud reads; None if they cannot be removed.

    Args:
        model: a network with a cut.
        parts: what can be removed of it.

    """
    edge = edge_blocks(model)
    crossing = (group for group in parts.groups if any(name.split(".")[0] not in edge for name in group.readers))
    return next(crossing, None)


def edge_blocks(model: BlockNet) -> tuple[str, ...]:
    """Return the names of the blocks that the edge device runs, without the wire."""
    return model.block_names[: model.block_names.index(WIRE)]


def dependencies(model: BlockNet, image_shape: tuple[int, int, int]) -> Any:
    """Trace a network on the CPU, with its wire and random layers replaced by the identity; left in evaluation mode.

    Returns:
        torch-pruning's dependency graph.

    """
    import torch_pruning  # noqa: PLC0415 (slow to import, and most stages remove nothing)

    random = {name: layer for name, layer in model.named_modules() if name == WIRE or isinstance(layer, RandomLayer)}
    for name in random:
        _put(model, name, nn.Identity())
    graph = torch_pruning.DependencyGraph().build_dependency(model.eval(), torch.zeros(1, *image_shape))
    for name, layer in random.items():
        _put(model, name, layer)
    return graph


def _put(model: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, layer)


def _group(graph: Any, layer: nn.Conv2d, names: dict[nn.Module, str]) -> tuple[set[str], CoupledChannels | None]:
    """Return the producers that are coupled with a convolution, and the group, or None if it cannot be removed."""
    import torch_pruning  # noqa: PLC0415 (as above)

    channels = list(range(layer.out_channels))
    producers, norms, readers, removable_group = set(), set(), set(), True
    for dependency, places in graph.get_pruning_group(layer, torch_pruning.prune_conv_out_channels, channels):
        module, kind = dependency.target.module, dependency.handler.__name__
        name = names.get(module, "")
        removable_group &= list(places) == channels
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            norms.add(name)
        elif isinstance(module, nn.Conv2d) and kind == "prune_out_channels":
            producers.add(name)
            removable_group &= _normalised(graph, module)
            if module.groups > 1:
                readers.add(name)
                removable_group &= module.groups == module.in_channels == module.out_channels
        elif isinstance(module, nn.Conv2d | nn.Linear):
            readers.add(name)
            removable_group &= isinstance(module, nn.Linear) or module.groups == 1
        else:
            removable_group &= _passes_zero(dependency.target.name)
    order = list(names.values())
    parts = (_sorted(part, order) for part in (producers, norms, readers))
    group = CoupledChannels(names[layer], len(channels), *parts)
    return producers, group if removable_group else None


def _normalised(graph: Any, convolution: nn.Conv2d) -> bool:
    following = graph.module2node[convolution].outputs
    return len(following) == 1 and isinstance(following[0].module, nn.BatchNorm2d)


def _passes_zero(operation: str) -> bool:
    found = _OPERATION.fullmatch(operation)
    return found is not None and found[1] in _ZERO_STAYS_ZERO


def _sorted(names: Iterable[str], order: list[str]) -> tuple[str, ...]:
    return tuple(sorted(names, key=order.index))
