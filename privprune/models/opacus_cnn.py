"""The network of Opacus' MNIST example, on which its documentation prints accuracies; for the calibration suite."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from privprune.models.block_net import BlockNet, Shape, block
from privprune.models.initialisation import FixedValues, uniform
from privprune.models.layers import scaled
from privprune.models.model_spec import KnownCount, ModelSpec

_MEAN, _DEVIATION = 0.1307, 0.3081  # of MNIST's training pixels in [0, 1], as Opacus' example has them


class MnistNormalisation(FixedValues):
    """Map images in [-1, 1], the input range of every network here, to mean 0 and deviation 1 over MNIST's pixels."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.empty(()))
        self.register_buffer("deviation", torch.empty(()))

    def reset_parameters(self) -> None:
        """Write the constants."""
        self.mean.fill_(_MEAN)
        self.deviation.fill_(_DEVIATION)

    def forward(self, images: Tensor) -> Tensor:
        """Map images [batch, channels, height, width]."""
        return ((images + 1) / 2 - self.mean) / self.deviation


def opacus_cnn(shape: Shape, width: float) -> BlockNet:
    """Build two convolutions with overlapping max-pooling and two linear layers (pytorch/opacus, examples/mnist.py)."""
    first, second, hidden = (scaled(channels, width) for channels in (16, 32, 32))
    side = (shape.image_size // 2 - 1 - 4) // 2 + 1 - 1
    conv1 = nn.Conv2d(shape.in_channels, first, 8, stride=2, padding=3)
    conv2 = nn.Conv2d(first, second, 4, stride=2)
    return BlockNet(
        [
            ("normalise", MnistNormalisation()),
            ("conv1", block(conv=conv1, relu=nn.ReLU(), pool=nn.MaxPool2d(2, 1))),
            ("conv2", block(conv=conv2, relu=nn.ReLU(), pool=nn.MaxPool2d(2, 1))),
            ("fc1", block(flatten=nn.Flatten(), linear=nn.Linear(second * side**2, hidden), relu=nn.ReLU())),
            ("fc2", block(linear=nn.Linear(hidden, shape.classes))),
        ]
    )


METHOD = ModelSpec(
    name="opacus_cnn",
    builder=opacus_cnn,
    image_multiple=4,
    convolution=uniform,
    linear=uniform,
    example=Shape(in_channels=1, image_size=28, classes=10),
    known_counts=(KnownCount(1, 28, 10, weights=25_920, parameters=26_010),),
)
