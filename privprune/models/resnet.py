"""ResNet-18 (He et al. 2016): with a 3 x 3 stem for CIFAR, as torchvision builds it for ImageNet, and with BNNeck.

MIA-Pruning's Table 4 prints 11.17 M weights for CIFAR, which are the 11,173,962 parameters at ten classes, and for
ImageNet too, where there are 11,166,912 weights without the last layer and 11,678,912 with it. Its ratio there, 3.37,
is not that of its own numbers: 11.17 / 3.47 = 3.22.
"""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, nn

from privprune.models.block_net import BlockNet, Shape, block
from privprune.models.initialisation import fan_out, small_normal, uniform
from privprune.models.layers import GlobalMean, ImageNetNormalisation, scaled
from privprune.models.model_spec import KnownCount, ModelSpec
from privprune.models.reidentification import head
from privprune.models.residual import Residual, ShortcutOnly

_STAGES = (64, 128, 256, 512)  # channels; two residual blocks each


class ResidualBlock(Residual):
    """Two 3 x 3 convolutions beside a shortcut, which is a 1 x 1 convolution where the shape changes."""

    branch_norm = "norm2"

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        changed = stride != 1 or channels != out
        projection = {"conv": nn.Conv2d(channels, out, 1, stride, bias=False), "norm": nn.BatchNorm2d(out)}
        self.shortcut = block(**projection) if changed else nn.Sequential()

    def forward(self, features: Tensor) -> Tensor:
        """Map [batch, channels, height, width] to [batch, out, height / stride, width / stride]."""
        branch = F.relu(self.norm1(self.conv1(features)))
        return F.relu(self.joined(self.norm2(self.conv2(branch)), features))

    def without_branch(self) -> ShortcutOnly:
        """Return the shortcut, followed by the ReLU of the block."""
        assert self.shortcut is not None  # noqa: S101 (called only for blocks with a shortcut)
        return ShortcutOnly(self.shortcut, nn.ReLU())


def resnet18(shape: Shape, width: float) -> BlockNet:
    """Build the CIFAR form: 11,173,962 parameters at three channels and ten classes; sizes a multiple of 8."""
    channels = scaled(_STAGES[0], width)
    conv = nn.Conv2d(shape.in_channels, channels, 3, padding=1, bias=False)
    stem = block(conv=conv, norm=nn.BatchNorm2d(channels), relu=nn.ReLU())
    return BlockNet([("stem", stem), *_residual(width), ("fc", _head(shape.classes, width))])


def resnet18_imagenet(shape: Shape, width: float) -> BlockNet:
    """Build torchvision's form: 11,689,512 parameters at 1000 classes; three channels, sizes a multiple of 32."""
    blocks = [("stem", _pooled_stem(shape, width)), *_residual(width), ("fc", _head(shape.classes, width))]
    return BlockNet([("normalise", ImageNetNormalisation()), *blocks])


def resnet18_reid(shape: Shape, width: float) -> BlockNet:
    """Build torchvision's form with BNNeck's head and a last stage that keeps its size (fast-reid's BoT recipe).

    Stem, block1 to block8, mean, neck, fc; image sizes a multiple of 16. The edge of stem and B blocks has 83,520,
    157,504, 387,648, 683,072, 1,602,112, 2,782,784, 6,455,872 or 11,176,512 parameters at three channels.
    """
    blocks = [("stem", _pooled_stem(shape, width)), *_residual(width, last_stride=1)]
    return BlockNet([*blocks, *head(scaled(_STAGES[-1], width), shape.classes)])


def _pooled_stem(shape: Shape, width: float) -> nn.Sequential:
    channels = scaled(_STAGES[0], width)
    return block(
        conv=nn.Conv2d(shape.in_channels, channels, 7, stride=2, padding=3, bias=False),
        norm=nn.BatchNorm2d(channels),
        relu=nn.ReLU(),
        pool=nn.MaxPool2d(3, stride=2, padding=1),
    )


def _residual(width: float, last_stride: int = 2) -> list[tuple[str, nn.Module]]:
    """Return block1 to block8; every stage after the first halves height and width, but the last has `last_stride`."""
    blocks: list[tuple[str, nn.Module]] = []
    channels = scaled(_STAGES[0], width)
    for stage, full in enumerate(_STAGES):
        out = scaled(full, width)
        for position in range(2):
            first = last_stride if stage == len(_STAGES) - 1 else 2
            stride = first if stage and not position else 1
            blocks.append((f"block{len(blocks) + 1}", ResidualBlock(channels, out, stride)))
            channels = out
    return blocks


def _head(classes: int, width: float) -> nn.Sequential:
    return block(mean=GlobalMean(), linear=nn.Linear(scaled(_STAGES[-1], width), classes))


METHODS = (
    ModelSpec(
        name="resnet18",
        builder=resnet18,
        image_multiple=8,
        convolution=fan_out,
        linear=uniform,
        example=Shape(in_channels=3, image_size=16, classes=10),
        known_counts=(
            KnownCount(3, 32, 10, weights=11_164_352, parameters=11_173_962),
            KnownCount(3, 32, 100, weights=11_210_432, parameters=11_220_132),
        ),
    ),
    ModelSpec(
        name="resnet18_reid",
        builder=resnet18_reid,
        image_multiple=16,
        convolution=fan_out,
        linear=small_normal,
        example=Shape(in_channels=3, image_size=32, classes=10),
    ),
    ModelSpec(
        name="resnet18_imagenet",
        builder=resnet18_imagenet,
        image_multiple=32,
        convolution=fan_out,
        linear=uniform,
        example=Shape(in_channels=3, image_size=32, classes=7),
        in_channels=3,
        pretrained="resnet18",
        known_counts=(KnownCount(3, 224, 1000, weights=11_678_912, parameters=11_689_512),),
    ),
)
