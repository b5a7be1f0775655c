"""A small residual network for 32 x 32 colour tiles (ours): ResNet-18's shape with four blocks and BNNeck's head."""

from __future__ import annotations

from torch import nn

from privprune.models.block_net import BlockNet, Shape, block
from privprune.models.initialisation import fan_out, uniform
from privprune.models.layers import scaled
from privprune.models.model_spec import ModelSpec
from privprune.models.reidentification import head
from privprune.models.resnet import ResidualBlock

_STEM = 16
_BLOCKS = ((16, 2), (16, 1), (32, 2), (32, 1))  # channels and stride


def photos_resnet(shape: Shape, width: float) -> BlockNet:
    """Build stem, block1 to block4, mean, neck, fc: 43,216 parameters before the last layer at three channels.

    For 32 x 32 pixels, block2 gives 16 channels of 16 x 16, block4 gives 32 channels of 8 x 8. Image sizes are a
    multiple of 4.
    """
    channels = scaled(_STEM, width)
    conv = nn.Conv2d(shape.in_channels, channels, 3, padding=1, bias=False)
    blocks: list[tuple[str, nn.Module]] = [("stem", block(conv=conv, norm=nn.BatchNorm2d(channels), relu=nn.ReLU()))]
    for number, (full, stride) in enumerate(_BLOCKS, start=1):
        out = scaled(full, width)
        blocks.append((f"block{number}", ResidualBlock(channels, out, stride)))
        channels = out
    return BlockNet([*blocks, *head(channels, shape.classes)])


METHOD = ModelSpec(
    name="photos_resnet",
    builder=photos_resnet,
    image_multiple=4,
    convolution=fan_out,
    linear=uniform,
    example=Shape(in_channels=3, image_size=32, classes=10),
)
