"""A small fully connected network for the records of a table; it takes images too, as vectors. Ours, from no paper."""

from __future__ import annotations

import itertools

from torch import nn

from privprune.models.block_net import BlockNet, Shape, block
from privprune.models.initialisation import uniform
from privprune.models.layers import scaled
from privprune.models.model_spec import ModelSpec


def mlp(shape: Shape, width: float) -> BlockNet:
    """Build linear layers with ReLU between them, one block each; the suite gives the hidden units as `widths`."""
    units = (shape.in_channels * shape.image_size**2, *(scaled(hidden, width) for hidden in shape.widths))
    blocks = [
        (f"fc{number}", block(linear=nn.Linear(inputs, outputs), relu=nn.ReLU()))
        for number, (inputs, outputs) in enumerate(itertools.pairwise(units), start=1)
    ]
    blocks[0] = ("fc1", block(flatten=nn.Flatten(), **dict(blocks[0][1].named_children())))
    return BlockNet([*blocks, (f"fc{len(units)}", block(linear=nn.Linear(units[-1], shape.classes)))])


METHOD = ModelSpec(
    name="mlp",
    builder=mlp,
    image_multiple=1,
    convolution=uniform,
    linear=uniform,
    example=Shape(in_channels=6, image_size=1, classes=3, widths=(32, 16)),
    vectors=True,
    widths=True,
)
