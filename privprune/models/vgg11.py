"""VGG11 with batch normalisation (Simonyan and Zisserman 2015, configuration A), as CEM (CVPR 2025) cuts it."""

from __future__ import annotations

from torch import nn

from privprune.errors import UserError
from privprune.models.block_net import BlockNet, Shape, block
from privprune.models.initialisation import uniform
from privprune.models.layers import GlobalMean, scaled
from privprune.models.model_spec import ModelSpec
from privprune.models.random_layers import RandomDropout

_ENTRIES = (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M")
_HIDDEN = 512
_DROPPED = 0.5
_SMALLEST = 32  # pixels, so that a map is left after five poolings


def vgg11_bn(shape: Shape, width: float) -> BlockNet:
    """Build VGG11-BN with CEM's classifier of three linear layers and dropout.

    A pooling layer is a block of its own, so that a cut after n blocks is the `cutlayer` n of CEM's code, which counts
    the entries of the configuration. Image sizes are a multiple of 16, from 32 on. Pooling drops the last row and
    column of an odd map (FaceScrub has 48 pixels); the last map is averaged over spatial positions.

    Raises:
        UserError: images are smaller than 32 x 32.

    """
    if shape.image_size < _SMALLEST:
        raise UserError(f"vgg11_bn: found images of {shape.image_size} pixels, allowed {_SMALLEST} and more")
    blocks: list[tuple[str, nn.Module]] = []
    channels, convolutions, pools = shape.in_channels, 0, 0
    for entry in _ENTRIES:
        if isinstance(entry, str):
            pools += 1
            blocks.append((f"pool{pools}", nn.MaxPool2d(2)))
            continue
        convolutions += 1
        out = scaled(entry, width)
        conv = nn.Conv2d(channels, out, 3, padding=1)
        blocks.append((f"conv{convolutions}", block(conv=conv, norm=nn.BatchNorm2d(out), relu=nn.ReLU())))
        channels = out
    hidden = scaled(_HIDDEN, width)
    classifier = block(
        mean=GlobalMean(),
        dropout1=RandomDropout(_DROPPED),
        linear1=nn.Linear(channels, hidden),
        relu1=nn.ReLU(),
        dropout2=RandomDropout(_DROPPED),
        linear2=nn.Linear(hidden, hidden),
        relu2=nn.ReLU(),
        linear3=nn.Linear(hidden, shape.classes),
    )
    blocks.append(("fc", classifier))
    return BlockNet(blocks)


METHOD = ModelSpec(
    name="vgg11_bn",
    builder=vgg11_bn,
    image_multiple=16,
    convolution=uniform,
    linear=uniform,
    example=Shape(in_channels=3, image_size=32, classes=10),
)
