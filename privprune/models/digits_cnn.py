"""A small CNN for the 8 x 8 digits of the demo; ours, from no paper."""

from __future__ import annotations

from torch import nn

from privprune.models.block_net import BlockNet, Shape, block
from privprune.models.initialisation import uniform
from privprune.models.layers import scaled
from privprune.models.model_spec import ModelSpec


def digits_cnn(shape: Shape, width: float) -> BlockNet:
    """Build the network for images whose size is a multiple of 4."""
    first, second, hidden = (scaled(channels, width) for channels in (16, 32, 64))
    positions = (shape.image_size // 4) ** 2
    conv1 = nn.Conv2d(shape.in_channels, first, 3, padding=1)
    conv2 = nn.Conv2d(first, second, 3, padding=1)
    return BlockNet(
        [
            ("conv1", block(conv=conv1, pool=nn.MaxPool2d(2), relu=nn.ReLU())),
            ("conv2", block(conv=conv2, pool=nn.MaxPool2d(2), relu=nn.ReLU())),
            ("fc1", block(flatten=nn.Flatten(), linear=nn.Linear(second * positions, hidden), relu=nn.ReLU())),
            ("fc2", block(linear=nn.Linear(hidden, shape.classes))),
        ]
    )


METHOD = ModelSpec(
    name="digits_cnn",
    builder=digits_cnn,
    image_multiple=4,
    convolution=uniform,
    linear=uniform,
    example=Shape(in_channels=1, image_size=8, classes=10),
)
