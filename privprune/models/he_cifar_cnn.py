"""The CIFAR-10 network that He, Zhang and Lee (ACSAC 2019) split; the calibration suite inverts it."""

from __future__ import annotations

from torch import nn

from privprune.models.block_net import BlockNet, Shape, block
from privprune.models.initialisation import uniform
from privprune.models.layers import ImageNetNormalisation, scaled
from privprune.models.model_spec import KnownCount, ModelSpec


def he_cifar_cnn(shape: Shape, width: float) -> BlockNet:
    """Build six 3 x 3 convolutions in three pairs, each pair followed by max-pooling, and two linear layers.

    Convolution and ReLU are blocks of their own, as the paper cuts after `conv11`, `relu22` and `relu32`. Widths, the
    sigmoid between the linear layers and the normalisation of images are those of the authors' code
    (zechenghe/Inverse_Collaborative_Inference, `net.py` and `training.py`).
    """
    blocks: list[tuple[str, nn.Module]] = [("normalise", ImageNetNormalisation())]
    channels = shape.in_channels
    for stage, out in enumerate((64, 128, 128), start=1):
        for number in (1, 2):
            following = scaled(out, width)
            blocks += [
                (f"conv{stage}{number}", nn.Conv2d(channels, following, 3, padding=1)),
                (f"relu{stage}{number}", nn.ReLU()),
            ]
            channels = following
        blocks.append((f"pool{stage}", nn.MaxPool2d(2)))
    hidden = scaled(512, width)
    values = channels * (shape.image_size // 8) ** 2
    blocks += [
        ("fc1", block(flatten=nn.Flatten(), linear=nn.Linear(values, hidden), sigmoid=nn.Sigmoid())),
        ("fc2", block(linear=nn.Linear(hidden, shape.classes))),
    ]
    return BlockNet(blocks)


METHOD = ModelSpec(
    name="he_cifar_cnn",
    builder=he_cifar_cnn,
    image_multiple=8,
    convolution=uniform,
    linear=uniform,
    in_channels=3,
    example=Shape(in_channels=3, image_size=16, classes=10),
    known_counts=(KnownCount(3, 32, 10, weights=1_608_384, parameters=1_609_546),),
)
