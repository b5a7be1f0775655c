"""The critic of a Wasserstein GAN with gradient penalty, as CEM's released code takes it from GMI (CVPR 2020)."""

from __future__ import annotations

import torch
from torch import nn

from privprune.models.decoder import draw_weights

_LAST = 4  # kernel size of the last convolution; no map is halved to fewer pixels a side
_HALVINGS = 3  # for images of 32 pixels and more


def build_critic(image_shape: tuple[int, int, int], *, width: int, generator: torch.Generator) -> nn.Sequential:
    """Build a critic with random weights.

    5x5 convolutions of stride 2 with leaky ReLU, instance norm in place of layer norm after all but the first, channels
    doubling from `width`; a 4x4 convolution to one number. At 32 pixels and width 64 the released code's DGWGAN32 with
    1,034,113 parameters. Images above 32 pixels give one number per spatial position, whose mean is the output (the
    released code averages over positions and images); images below 32 pixels get fewer convolutions.

    Args:
        image_shape: (C, H, W), of 4 pixels a side at least.
        width: channels after the first convolution.
        generator: of the CPU; the only source of randomness.

    Returns:
        a module from images [batch, C, H, W] to one number each, [batch].

    """
    channels, height, _ = image_shape
    layers: list[nn.Module] = []
    with torch.device("meta"):
        for number in range(_HALVINGS):
            if -(-height // 2) < _LAST:
                break
            layers += [nn.Conv2d(channels, width * 2**number, 5, stride=2, padding=2)]
            layers += [nn.InstanceNorm2d(width * 2**number, affine=True)] if number else []
            layers += [nn.LeakyReLU(0.2)]
            channels, height = width * 2**number, -(-height // 2)
        layers += [nn.Conv2d(channels, 1, _LAST), nn.Flatten(), _Mean()]
        critic = nn.Sequential(*layers)
    return draw_weights(critic, generator)


class _Mean(nn.Module):
    """Mean over spatial positions: [batch, positions] to [batch]."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Average over spatial positions."""
        return values.mean(1)
