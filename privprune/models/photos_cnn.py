"""A small network for 32 x 32 colour tiles (ours): VGG11-BN's shape, with two convolutions on each side of the cut."""

from __future__ import annotations

from torch import nn

from privprune.models.block_net import BlockNet, Shape, block
from privprune.models.initialisation import uniform
from privprune.models.layers import GlobalMean, scaled
from privprune.models.model_spec import ModelSpec

_CHANNELS = (16, 32, 64, 64)


def photos_cnn(shape: Shape, width: float) -> BlockNet:
    """Build four convolutions with batch normalisation, pooling after the first three, mean, one linear layer.

    A pooling layer is a block of its own, so that `after: 4` gives maps of a quarter of the image's height and width,
    as CEM's cut of VGG11 does. Image sizes are a multiple of 8.
    """
    blocks: list[tuple[str, nn.Module]] = []
    channels = shape.in_channels
    for number, full in enumerate(_CHANNELS, start=1):
        out = scaled(full, width)
        conv = nn.Conv2d(channels, out, 3, padding=1)
        blocks.append((f"conv{number}", block(conv=conv, norm=nn.BatchNorm2d(out), relu=nn.ReLU())))
        if number < len(_CHANNELS):
            blocks.append((f"pool{number}", nn.MaxPool2d(2)))
        channels = out
    blocks.append(("fc", block(mean=GlobalMean(), linear=nn.Linear(channels, shape.classes))))
    return BlockNet(blocks)


METHOD = ModelSpec(
    name="photos_cnn",
    builder=photos_cnn,
    image_multiple=8,
    convolution=uniform,
    linear=uniform,
    example=Shape(in_channels=3, image_size=16, classes=10),
)
