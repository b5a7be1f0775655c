"""LeNet-5 (LeCun et al. 1998) in the form usual today: max-pooling and ReLU; MIA-Pruning's model for MNIST.

MIA-Pruning's Table 4 prints 60 K weights for it: here 61,470 weights, 61,706 parameters.
"""

from __future__ import annotations

from torch import nn

from privprune.errors import UserError
from privprune.models.block_net import BlockNet, Shape, block
from privprune.models.initialisation import uniform
from privprune.models.layers import scaled
from privprune.models.model_spec import KnownCount, ModelSpec


def lenet5(shape: Shape, width: float) -> BlockNet:
    """Build LeNet-5: 61,706 parameters at one channel, 28 x 28 (padded to 32 x 32), ten classes.

    Max-pooling precedes ReLU in every network here: the result is the same, with a quarter of the ReLUs.

    Raises:
        UserError: images are neither 28 x 28 nor 32 x 32.

    """
    if shape.image_size not in (28, 32):
        raise UserError(f"lenet5: found images of {shape.image_size} pixels, allowed 28 and 32")
    first, second, third, fourth = (scaled(channels, width) for channels in (6, 16, 120, 84))
    padding = (32 - shape.image_size) // 2
    conv1 = nn.Conv2d(shape.in_channels, first, 5, padding=padding)
    return BlockNet(
        [
            ("conv1", block(conv=conv1, pool=nn.MaxPool2d(2), relu=nn.ReLU())),
            ("conv2", block(conv=nn.Conv2d(first, second, 5), pool=nn.MaxPool2d(2), relu=nn.ReLU())),
            ("fc1", block(flatten=nn.Flatten(), linear=nn.Linear(second * 25, third), relu=nn.ReLU())),
            ("fc2", block(linear=nn.Linear(third, fourth), relu=nn.ReLU())),
            ("fc3", block(linear=nn.Linear(fourth, shape.classes))),
        ]
    )


METHOD = ModelSpec(
    name="lenet5",
    builder=lenet5,
    image_multiple=4,
    convolution=uniform,
    linear=uniform,
    example=Shape(in_channels=1, image_size=28, classes=10),
    known_counts=(KnownCount(1, 28, 10, weights=61_470, parameters=61_706),),
)
