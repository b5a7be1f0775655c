"""VGG16 with batch normalisation (Simonyan and Zisserman 2015), in the form usual for CIFAR: one linear layer.

MIA-Pruning's Table 4 prints 13.83 M weights, which no standard VGG16 for CIFAR has; without two of the conv3 layers it
would be 13,830,848. The printed number is reported beside the measured one, never imitated.
"""

from __future__ import annotations

from torch import nn

from privprune.models.block_net import BlockNet, Shape, block
from privprune.models.initialisation import fan_out, small_normal
from privprune.models.layers import GlobalMean, scaled
from privprune.models.model_spec import KnownCount, ModelSpec

_CHANNELS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
_POOLED = (2, 4, 7, 10, 13)  # max-pooling follows these convolutions, counted from 1


def vgg16(shape: Shape, width: float) -> BlockNet:
    """Build VGG16: 14,728,266 parameters (convolutions with bias) at three channels and ten classes.

    Image sizes are a multiple of 32; above 32 pixels, the last feature map is averaged over spatial positions.
    """
    blocks: list[tuple[str, nn.Module]] = []
    channels = shape.in_channels
    for number, full in enumerate(_CHANNELS, start=1):
        out = scaled(full, width)
        pool = {"pool": nn.MaxPool2d(2)} if number in _POOLED else {}
        conv = nn.Conv2d(channels, out, 3, padding=1)
        blocks.append((f"conv{number}", block(conv=conv, norm=nn.BatchNorm2d(out), **pool, relu=nn.ReLU())))
        channels = out
    blocks.append(("fc", block(mean=GlobalMean(), linear=nn.Linear(channels, shape.classes))))
    return BlockNet(blocks)


METHOD = ModelSpec(
    name="vgg16",
    builder=vgg16,
    image_multiple=32,
    convolution=fan_out,
    linear=small_normal,
    example=Shape(in_channels=3, image_size=32, classes=10),
    known_counts=(
        KnownCount(3, 32, 10, weights=14_715_584, parameters=14_728_266),
        KnownCount(3, 32, 100, weights=14_761_664, parameters=14_774_436),
    ),
)
