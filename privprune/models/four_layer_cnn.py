"""The four-layer CNN of MIA-Pruning's Table 2: Abadi et al. 2016, "Deep Learning with Differential Privacy".

The paper copies its DP numbers from Rahman et al. 2018, whose network is this one as far as is known: two 5 x 5
convolutions of 64 channels with pooling and two linear layers of 384, then the output. Abadi feeds 24 x 24 crops
(1,143,232 weights); whole CIFAR images make it 1,831,360.
"""

from __future__ import annotations

from torch import nn

from privprune.models.block_net import BlockNet, Shape, block
from privprune.models.initialisation import uniform
from privprune.models.layers import scaled
from privprune.models.model_spec import KnownCount, ModelSpec


def four_layer_cnn(shape: Shape, width: float) -> BlockNet:
    """Build the network for images whose size is a multiple of 4."""
    channels, hidden = scaled(64, width), scaled(384, width)
    positions = (shape.image_size // 4) ** 2
    conv1 = nn.Conv2d(shape.in_channels, channels, 5, padding=2)
    conv2 = nn.Conv2d(channels, channels, 5, padding=2)
    return BlockNet(
        [
            ("conv1", block(conv=conv1, pool=nn.MaxPool2d(2), relu=nn.ReLU())),
            ("conv2", block(conv=conv2, pool=nn.MaxPool2d(2), relu=nn.ReLU())),
            ("fc1", block(flatten=nn.Flatten(), linear=nn.Linear(channels * positions, hidden), relu=nn.ReLU())),
            ("fc2", block(linear=nn.Linear(hidden, hidden), relu=nn.ReLU())),
            ("fc3", block(linear=nn.Linear(hidden, shape.classes))),
        ]
    )


METHOD = ModelSpec(
    name="four_layer_cnn",
    builder=four_layer_cnn,
    image_multiple=4,
    convolution=uniform,
    linear=uniform,
    example=Shape(in_channels=3, image_size=12, classes=10),
    known_counts=(
        KnownCount(3, 24, 10, weights=1_143_232, parameters=1_144_138),
        KnownCount(3, 32, 10, weights=1_831_360, parameters=1_832_266),
    ),
)
