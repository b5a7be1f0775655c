"""ResNet-20 as CEM (CVPR 2025) builds it: a 5 x 5 stem, and a stride of 2 in the first block of every stage."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, nn

from privprune.models.block_net import BlockNet, Shape, block
from privprune.models.initialisation import uniform
from privprune.models.layers import GlobalMean, scaled
from privprune.models.model_spec import ModelSpec
from privprune.models.residual import Residual, ShortcutOnly

_STEM = 16
_STAGES = (32, 64, 128)  # channels; three residual blocks each


class PaddedShortcut(nn.Module):
    """Take every `stride`-th spatial position, and add `new` channels of zeros, half before and half after."""

    def __init__(self, stride: int, new: int) -> None:
        super().__init__()
        self._stride, self._new = stride, new

    def forward(self, features: Tensor) -> Tensor:
        """Map [batch, channels, height, width] to [batch, channels + new, height / stride, width / stride]."""
        taken = features[:, :, :: self._stride, :: self._stride]
        before = self._new // 2
        return F.pad(taken, (0, 0, 0, 0, before, self._new - before))


class PaddedBlock(Residual):
    """Two 3 x 3 convolutions beside a shortcut without weights (He et al. 2016, option A).

    Where the shape changes, the shortcut takes every second position and fills the new channels with zeros.
    """

    branch_norm = "norm2"

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        self.shortcut = PaddedShortcut(stride, out - channels)

    def forward(self, features: Tensor) -> Tensor:
        """Map [batch, channels, height, width] to [batch, out, height / stride, width / stride]."""
        branch = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(features)))))
        return F.relu(self.joined(branch, features))

    def without_branch(self) -> ShortcutOnly:
        """Return the shortcut, followed by the ReLU of the block."""
        assert self.shortcut is not None  # noqa: S101 (called only for blocks with a shortcut)
        return ShortcutOnly(self.shortcut, nn.ReLU())


def resnet20(shape: Shape, width: float) -> BlockNet:
    """Build stem, block1 to block9, fc; image sizes are a multiple of 8.

    CEM's cut after 5 blocks and its bottleneck of 8 channels make an edge of 112,472 parameters.
    """
    channels = scaled(_STEM, width)
    conv = nn.Conv2d(shape.in_channels, channels, 5, padding=2, bias=False)
    stem = block(conv=conv, norm=nn.BatchNorm2d(channels), relu=nn.ReLU())
    blocks: list[tuple[str, nn.Module]] = [("stem", stem)]
    for full in _STAGES:
        out = scaled(full, width)
        for position in range(3):
            blocks.append((f"block{len(blocks)}", PaddedBlock(channels, out, 1 if position else 2)))
            channels = out
    blocks.append(("fc", block(mean=GlobalMean(), linear=nn.Linear(channels, shape.classes))))
    return BlockNet(blocks)


METHOD = ModelSpec(
    name="resnet20",
    builder=resnet20,
    image_multiple=8,
    convolution=uniform,
    linear=uniform,
    example=Shape(in_channels=3, image_size=16, classes=10),
)
