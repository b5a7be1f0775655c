"""MobileNetV2 (Sandler et al. 2018): for CIFAR, and as torchvision builds it for ImageNet.

MIA-Pruning's Table 4 prints 3.46 M weights for both datasets. That is 3,469,760, truncated, with ImageNet's 1000
classes; with CIFAR's ten there are 2,202,560.
"""

from __future__ import annotations

from torch import Tensor, nn

from privprune.models.block_net import BlockNet, Shape, block
from privprune.models.initialisation import fan_out, small_normal
from privprune.models.layers import GlobalMean, ImageNetNormalisation, scaled
from privprune.models.model_spec import KnownCount, ModelSpec
from privprune.models.reidentification import head
from privprune.models.residual import Residual, ShortcutOnly

_STAGES = (  # expansion, channels, blocks, stride of the first block (the paper's Table 2)
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_STEM, _LAST = 32, 1280


class InvertedResidual(Residual):
    """Expand by 1 x 1, filter each channel by 3 x 3, project by 1 x 1; add the input where the shapes are equal."""

    branch_norm = "project.norm"

    def __init__(self, channels: int, out: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = channels * expansion
        self.expand = _convolution(channels, hidden, 1) if expansion > 1 else nn.Sequential()
        self.depthwise = _convolution(hidden, hidden, 3, stride, groups=hidden)
        self.project = block(conv=nn.Conv2d(hidden, out, 1, bias=False), norm=nn.BatchNorm2d(out))
        self.shortcut = nn.Identity() if stride == 1 and channels == out else None

    def forward(self, features: Tensor) -> Tensor:
        """Map [batch, channels, height, width] to [batch, out, height / stride, width / stride]."""
        branch: Tensor = self.project(self.depthwise(self.expand(features)))
        return self.joined(branch, features)

    def without_branch(self) -> ShortcutOnly:
        """Return a block that passes its input on unchanged."""
        return ShortcutOnly(nn.Identity(), nn.Identity())


def mobilenet_v2(shape: Shape, width: float) -> BlockNet:
    """Build the CIFAR form: 2,236,682 parameters at ten classes, 2,351,972 at 100; sizes a multiple of 8.

    Stem and second stage have stride 1, the usual change for 32 x 32 pixels.
    """
    return BlockNet(_blocks(shape, width, shrinking_stem=False))


def mobilenet_v2_imagenet(shape: Shape, width: float) -> BlockNet:
    """Build torchvision's form: 3,504,872 parameters at 1000 classes; three channels, sizes a multiple of 32.

    Torchvision's dropout of 0.2 before the last layer is omitted: it does nothing in evaluation, and in training it
    would draw from the global generator.
    """
    return BlockNet([("normalise", ImageNetNormalisation()), *_blocks(shape, width, shrinking_stem=True)])


def mobilenet_v2_reid(shape: Shape, width: float) -> BlockNet:
    """Build the CIFAR form up to its last convolution, with BNNeck's head: an edge for re-identification."""
    *blocks, _ = _blocks(shape, width, shrinking_stem=False)
    return BlockNet([*blocks, *head(scaled(_LAST, width), shape.classes)])


def _blocks(shape: Shape, width: float, *, shrinking_stem: bool) -> list[tuple[str, nn.Module]]:
    channels = scaled(_STEM, width)
    stem = _convolution(shape.in_channels, channels, 3, 2 if shrinking_stem else 1)
    blocks: list[tuple[str, nn.Module]] = [("stem", stem)]
    for stage, (expansion, full, repeats, first_stride) in enumerate(_STAGES):
        out = scaled(full, width)
        for position in range(repeats):
            shrinks = position == 0 and (shrinking_stem or stage != 1)
            stride = first_stride if shrinks else 1
            blocks.append((f"block{len(blocks)}", InvertedResidual(channels, out, stride, expansion)))
            channels = out
    last = scaled(_LAST, width)
    blocks.append(("last", _convolution(channels, last, 1)))
    blocks.append(("fc", block(mean=GlobalMean(), linear=nn.Linear(last, shape.classes))))
    return blocks


def _convolution(channels: int, out: int, size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Return a convolution that keeps the size at stride 1, with normalisation and ReLU6."""
    conv = nn.Conv2d(channels, out, size, stride, padding=size // 2, groups=groups, bias=False)
    return block(conv=conv, norm=nn.BatchNorm2d(out), relu=nn.ReLU6())


METHODS = (
    ModelSpec(
        name="mobilenet_v2",
        builder=mobilenet_v2,
        image_multiple=8,
        convolution=fan_out,
        linear=small_normal,
        example=Shape(in_channels=3, image_size=16, classes=10),
        known_counts=(
            KnownCount(3, 32, 10, weights=2_202_560, parameters=2_236_682),
            KnownCount(3, 32, 100, weights=2_317_760, parameters=2_351_972),
        ),
    ),
    ModelSpec(
        name="mobilenet_v2_reid",
        builder=mobilenet_v2_reid,
        image_multiple=8,
        convolution=fan_out,
        linear=small_normal,
        example=Shape(in_channels=3, image_size=16, classes=10),
    ),
    ModelSpec(
        name="mobilenet_v2_imagenet",
        builder=mobilenet_v2_imagenet,
        image_multiple=32,
        convolution=fan_out,
        linear=small_normal,
        example=Shape(in_channels=3, image_size=32, classes=7),
        in_channels=3,
        pretrained="mobilenet_v2",
        known_counts=(KnownCount(3, 224, 1000, weights=3_469_760, parameters=3_504_872),),
    ),
)
