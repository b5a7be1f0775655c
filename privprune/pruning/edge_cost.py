"""What an edge costs, in parameters or operations, before and after a removal that need not be performed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from privprune.models import BlockNet, edge_of
from privprune.pruning.channel_groups import Removable, edge_blocks
from privprune.pruning.selection import Selection

Quantity = Literal["parameters", "operations"]


@dataclass(frozen=True)
class EdgeCost:
    """The cost of an edge in one quantity, for any selection of its structures.

    Attributes:
        model: the network; its values are not read.
        parts: what can be removed of it.
        positions: convolution or linear layer of the edge -> number of positions at which it is computed for one
            image, to count multiply-accumulate operations; None to count parameters.

    """

    model: BlockNet
    parts: Removable
    positions: Mapping[str, int] | None = None

    def of(self, kept: Selection | None) -> int:
        """Count the parameters, or the operations of convolutions and linear layers for one image.

        Args:
            kept: what stays; None for no removal.

        """
        counts = {group: int(own.sum()) for group, own in (kept.channels if kept is not None else {}).items()}
        outputs = {name: counts.get(one.name) for one in self.parts.groups for name in (*one.producers, *one.norms)}
        inputs = {name: counts.get(one.name) for one in self.parts.groups for name in one.readers}
        edge, gone = edge_blocks(self.model), kept.removed if kept is not None else ()
        return sum(
            self._layer(name, layer, inputs.get(name), outputs.get(name))
            for name, layer in self.model.named_modules()
            if name.split(".")[0] in edge and not any(_in_branch(name, block) for block in gone)
        )

    def _layer(self, name: str, layer: nn.Module, inputs: int | None, outputs: int | None) -> int:
        if self.positions is None:
            return sum(_values(layer, value, inputs, outputs) for value in layer.parameters(recurse=False))
        if name not in self.positions:
            return 0
        weight = layer.weight
        assert isinstance(weight, Tensor)  # noqa: S101 (convolutions and linear layers have one)
        return self.positions[name] * _values(layer, weight, inputs, outputs)

    def price(self, structure: str) -> int:
        """Return what one channel of a group costs, or the branch of a residual block, where nothing is removed.

        Args:
            structure: name of the group or of the block.

        """
        whole = Selection({group.name: torch.ones(group.channels).bool() for group in self.parts.groups}, ())
        if structure in self.parts.blocks:
            return self.of(None) - self.of(Selection(whole.channels, (structure,)))
        without = whole.channels[structure].clone()
        without[0] = False
        return self.of(None) - self.of(Selection({**whole.channels, structure: without}, ()))


def edge_cost(model: BlockNet, parts: Removable, quantity: Quantity, image_shape: tuple[int, int, int]) -> EdgeCost:
    """Return the cost of an edge.

    Args:
        model: the network, which is not changed; its random layers draw nothing.
        parts: what can be removed of it.
        quantity: what is counted.
        image_shape: (C, H, W).

    """
    return EdgeCost(model, parts, None if quantity == "parameters" else _positions(model, image_shape))


@torch.no_grad()
def _positions(model: BlockNet, image_shape: tuple[int, int, int]) -> dict[str, int]:
    """Return at how many positions each convolution and linear layer of the edge is computed for one image."""
    edge = copy.deepcopy(edge_of(model))[:-1].cpu().eval()
    found: dict[str, int] = {}
    for name, layer in edge.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(_counting(found, name))
    edge(torch.zeros(1, *image_shape))
    return found


def _counting(found: dict[str, int], name: str) -> Callable[[nn.Module, Any, Tensor], None]:
    """Return a hook that notes the positions of one layer."""

    def count(layer: nn.Module, inputs: Any, output: Tensor) -> None:
        del inputs
        assert isinstance(layer, nn.Conv2d | nn.Linear)  # noqa: S101 (registered on these only)
        found[name] = output.numel() // layer.weight.shape[0]

    return count


def _in_branch(name: str, block: str) -> bool:
    return name.startswith(f"{block}.") and not f"{name}.".startswith(f"{block}.shortcut.")


def _values(layer: nn.Module, value: Tensor, inputs: int | None, outputs: int | None) -> int:
    """Count the values of a layer's parameter for other numbers of inputs and outputs; None for the present number."""
    sizes = list(value.shape)
    sizes[0] = sizes[0] if outputs is None else outputs
    if value.dim() > 1 and inputs is not None and getattr(layer, "groups", 1) == 1:
        sizes[1] = inputs
    return torch.Size(sizes).numel()
