"""What can be removed of a network's edge: channels that hang together, and branches of residual blocks.

Which channels hang together is torch-pruning's dependency graph (Fang et al., CVPR 2023, "DepGraph").
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

# Operations between two layers that give zero where they are given zero, channel by channel; names of autograd's.
_ZERO_STAYS_ZERO = {"Add", "Alias", "AvgPool2D", "Clone", "Hardtanh", "MaxPool2DWithIndices", "Mean", "Relu", "T"}
_OPERATION = re.compile(r"_ElementWiseOp_\d+\((\w+?)Backward\d*\)")


@dataclass(frozen=True)
class ChannelGroup:
    """Layers whose channels can only be removed together, and without a trace where they are zero.

    Attributes:
        name: of the first producer.
        channels: how many there are.
        producers: convolutions whose outputs they are.
        norms: normalisations that they pass, one at least behind each producer.
        readers: convolutions and linear layers whose inputs they are; a depthwise convolution is producer and reader.

    """

    name: str
    channels: int
    producers: tuple[str, ...]
    norms: tuple[str, ...]
    readers: tuple[str, ...]

    def inside(self, block: str) -> bool:
        """Whether it ends with the branch of a residual block: all of its producers lie there."""
        own, shortcut = f"{block}.", f"{block}.shortcut."
        return all(name.startswith(own) and not name.startswith(shortcut) for name in self.producers)


@dataclass(frozen=True)
class Removable:
    """What can be removed of a network.

    Attributes:
        groups: of channels, in the order of the layers; one producer at least lies on the edge. A group that reaches
            across the cut has producers in the cloud too.
        blocks: residual blocks of the edge that can lose their branch -> the normalisation that it ends with.

    """

    groups: tuple[ChannelGroup, ...]
    blocks: dict[str, str]

    def only(self, structures: Structures) -> Removable:
        """Leave channels or blocks out."""
        return replace(
            self,
            groups=self.groups if structures != "blocks" else (),
            blocks=self.blocks if structures != "channels" else {},
        )


def removable(model: BlockNet, image_shape: tuple[int, int, int]) -> Removable:
    """Find what can be removed of a network's edge.

    Left alone: convolutions without batch normalisation behind them, as the bottleneck's; channels that pass anything
    between producer and reader that zero does not pass as zero; channels that are shifted on their way, as by the
    zero-padded shortcuts of ResNet-20; features that are flattened into a linear layer.

    Args:
        model: with a cut.
        image_shape: (C, H, W) of its images.

    """
    plain = copy.deepcopy(model).cpu()
    graph = dependencies(plain, image_shape)
    names = {module: name for name, module in plain.named_modules()}
    edge = edge_blocks(plain)
    groups: list[ChannelGroup] = []
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


def edge_blocks(model: BlockNet) -> tuple[str, ...]:
    """Return the names of the blocks that the edge device runs, without the wire."""
    return model.block_names[: model.block_names.index(WIRE)]


def dependencies(model: BlockNet, image_shape: tuple[int, int, int]) -> Any:
    """Trace a network on the CPU, with nothing random and nothing on its wire; left in evaluation mode.

    Returns:
        torch-pruning's graph of it.

    """
    import torch_pruning  # noqa: PLC0415 (most stages that import this package remove nothing)

    random = {name: layer for name, layer in model.named_modules() if name == WIRE or isinstance(layer, RandomLayer)}
    for name in random:
        _put(model, name, nn.Identity())
    graph = torch_pruning.DependencyGraph().build_dependency(model.eval(), torch.zeros(1, *image_shape))
    for name, layer in random.items():
        _put(model, name, layer)
    return graph


def _put(model: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, layer)


def _group(graph: Any, layer: nn.Conv2d, names: dict[nn.Module, str]) -> tuple[set[str], ChannelGroup | None]:
    """Return the producers that hang together with a convolution, and the group if it can be removed."""
    import torch_pruning  # noqa: PLC0415 (as above)

    channels = list(range(layer.out_channels))
    producers, norms, readers, fine = set(), set(), set(), True
    for dependency, places in graph.get_pruning_group(layer, torch_pruning.prune_conv_out_channels, channels):
        module, kind = dependency.target.module, dependency.handler.__name__
        name = names.get(module, "")
        fine &= list(places) == channels
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            norms.add(name)
        elif isinstance(module, nn.Conv2d) and kind == "prune_out_channels":
            producers.add(name)
            fine &= _normalised(graph, module)
            if module.groups > 1:
                readers.add(name)
                fine &= module.groups == module.in_channels == module.out_channels
        elif isinstance(module, nn.Conv2d | nn.Linear):
            readers.add(name)
            fine &= isinstance(module, nn.Linear) or module.groups == 1
        else:
            fine &= _passes_zero(dependency.target.name)
    order = list(names.values())
    found = ChannelGroup(names[layer], len(channels), *(_sorted(part, order) for part in (producers, norms, readers)))
    return producers, found if fine else None


def _normalised(graph: Any, convolution: nn.Conv2d) -> bool:
    following = graph.module2node[convolution].outputs
    return len(following) == 1 and isinstance(following[0].module, nn.BatchNorm2d)


def _passes_zero(operation: str) -> bool:
    found = _OPERATION.fullmatch(operation)
    return found is not None and found[1] in _ZERO_STAYS_ZERO


def _sorted(names: Iterable[str], order: list[str]) -> tuple[str, ...]:
    return tuple(sorted(names, key=order.index))
