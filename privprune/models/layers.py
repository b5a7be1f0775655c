"""Layers that several families of networks share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from privprune.models.initialisation import FixedValues


def scaled(channels: int, width: float) -> int:
    """Return a layer's channels at a width multiplier: at least one, and exactly `channels` at width 1."""
    return max(1, round(channels * width))


class GlobalMean(nn.Module):
    """Mean over spatial positions: [batch, channels, height, width] to [batch, channels]."""

    def forward(self, features: Tensor) -> Tensor:
        """Average each channel over its spatial positions."""
        return features.mean((2, 3))


class ImageNetNormalisation(FixedValues):
    """Map images in [-1, 1], the input range of every network here, to the range of torchvision's ImageNet weights.

    Mean and deviation are those of torchvision's `ImageClassification` preset, for images in [0, 1].
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.empty(3, 1, 1))
        self.register_buffer("deviation", torch.empty(3, 1, 1))

    def reset_parameters(self) -> None:
        """Write the constants."""
        self.mean.copy_(torch.tensor([0.485, 0.456, 0.406])[:, None, None])
        self.deviation.copy_(torch.tensor([0.229, 0.224, 0.225])[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        """Map images [batch, 3, height, width]."""
        return ((images + 1) / 2 - self.mean) / self.deviation
