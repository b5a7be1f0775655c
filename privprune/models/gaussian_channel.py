"""A network whose edge sends the image itself: with noise on the wire it is the Gaussian channel of textbooks."""

from __future__ import annotations

from torch import nn

from privprune.models.block_net import BlockNet, Shape, block
from privprune.models.initialisation import uniform
from privprune.models.model_spec import ModelSpec


def gaussian_channel(shape: Shape, width: float) -> BlockNet:
    """Build an edge without weights and a linear cloud; the width has nothing to multiply.

    The best estimate of a Gaussian image, the information that is sent and the bound on any error are known in closed
    form, so that the calibration suite can check the instruments on it.
    """
    del width
    values = shape.in_channels * shape.image_size**2
    return BlockNet(
        [
            ("edge", nn.Identity()),
            ("fc", block(flatten=nn.Flatten(), linear=nn.Linear(values, shape.classes))),
        ]
    )


METHOD = ModelSpec(
    name="gaussian_channel",
    builder=gaussian_channel,
    image_multiple=1,
    convolution=uniform,
    linear=uniform,
    example=Shape(in_channels=1, image_size=8, classes=10),
    learns=False,
)
