"""LeNet as He, Zhang and Lee (ACSAC 2019) split it between edge and cloud; the calibration suite inverts it."""

from __future__ import annotations

from torch import nn

from privprune.errors import UserError
from privprune.models.block_net import BlockNet, Shape, block
from privprune.models.initialisation import uniform
from privprune.models.layers import scaled
from privprune.models.model_spec import KnownCount, ModelSpec

_IMAGE_SIZE = 28


def he_lenet(shape: Shape, width: float) -> BlockNet:
    """Build the network of the paper's MNIST experiments: convolutions of 8 and 16 channels, 5 x 5, without padding.

    Convolution and ReLU are blocks of their own, as the paper cuts after `conv1` and after `relu2`. Widths are those of
    the authors' code (zechenghe/Inverse_Collaborative_Inference, `net.py`).

    Raises:
        UserError: images are not 28 x 28.

    """
    if shape.image_size != _IMAGE_SIZE:
        raise UserError(f"he_lenet: found images of {shape.image_size} pixels, allowed {_IMAGE_SIZE}")
    first, second, third, fourth = (scaled(channels, width) for channels in (8, 16, 120, 84))
    return BlockNet(
        [
            ("conv1", nn.Conv2d(shape.in_channels, first, 5)),
            ("relu1", nn.ReLU()),
            ("pool1", nn.MaxPool2d(2)),
            ("conv2", nn.Conv2d(first, second, 5)),
            ("relu2", nn.ReLU()),
            ("pool2", nn.MaxPool2d(2)),
            ("fc1", block(flatten=nn.Flatten(), linear=nn.Linear(second * 16, third), relu=nn.ReLU())),
            ("fc2", block(linear=nn.Linear(third, fourth), relu=nn.ReLU())),
            ("fc3", block(linear=nn.Linear(fourth, shape.classes))),
        ]
    )


METHOD = ModelSpec(
    name="he_lenet",
    builder=he_lenet,
    image_multiple=4,
    convolution=uniform,
    linear=uniform,
    example=Shape(in_channels=1, image_size=28, classes=10),
    known_counts=(KnownCount(1, 28, 10, weights=45_040, parameters=45_278),),
)
