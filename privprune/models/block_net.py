"""A network as a sequence of named blocks: it can be cut between any two, and its weights have readable names."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor, nn

from privprune.errors import UserError


@dataclass(frozen=True)
class Shape:
    """Input and output of a network, and what is between where the suite says it.

    Attributes:
        in_channels: of the images; of a vector, how many numbers it has.
        image_size: side of the square images, in pixels; 1 where records are vectors.
        classes: number of logits.
        widths: units of each hidden layer; () for an architecture that has its own.

    """

    in_channels: int
    image_size: int
    classes: int
    widths: tuple[int, ...] = ()


class BlockNet(nn.Sequential):
    """A network of named blocks.

    It maps images, float [batch, channels, height, width] in [-1, 1], to logits [batch, classes].
    """

    def __init__(self, blocks: Iterable[tuple[str, nn.Module]]) -> None:
        """Build the network from (name, block) pairs in the order of computation, from the image to the logits."""
        super().__init__(OrderedDict(blocks))

    @property
    def block_names(self) -> tuple[str, ...]:
        """Names of the blocks in the order of computation."""
        return tuple(self._modules)


def block(**layers: nn.Module) -> nn.Sequential:
    """Return named layers as one sequence."""
    return nn.Sequential(OrderedDict(layers))


def split(model: BlockNet, cut: str | int) -> tuple[BlockNet, BlockNet]:
    """Cut a network between two blocks.

    Args:
        model: the whole network.
        cut: name of the last block on the edge device, or how many blocks it runs.

    Returns:
        edge and cloud, whose composition is the network; they share its modules and their names.

    Raises:
        UserError: there is no such cut.

    """
    cuts = model.block_names[:-1]
    if isinstance(cut, int) and 1 <= cut <= len(cuts):
        edge_blocks = cut
    elif isinstance(cut, str) and cut in cuts:
        edge_blocks = cuts.index(cut) + 1
    else:
        raise UserError(f"cut: found {cut!r}, allowed 1 to {len(cuts)} blocks, or after one of {', '.join(cuts)}")
    blocks = list(model.named_children())
    return BlockNet(blocks[:edge_blocks]), BlockNet(blocks[edge_blocks:])


def prunable(model: nn.Module) -> dict[str, Tensor]:
    """Return the weights that can be pruned, by name: those of convolutions and linear layers, without biases."""
    return {
        f"{name}.weight": module.weight
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    }
