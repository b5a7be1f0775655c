"""The critic of a Wasserstein GAN with gradient penalty, as CEM's released code takes it from GMI (CVPR 2020)."""

from __future__ import annotations

import torch
from torch import nn

from privprune.models.decoder import draw_weights

_LAST = 4  # side of the last convolution; halving stops before a map would be smaller
_HALVINGS = 3  # of images of 32 pixels and more


def build_critic(image_shape: tuple[int, int, int], *, width: int, generator: torch.Generator) -> nn.Sequential:
    """Build a critic with random weights.

    5x5 convolutions of stride 2 with leaky ReLU, instance norm in place of layer norm after all but the first, channels
    doubling from `width`; a 4x4 convolution to one number. At 32 pixels and width 64 the released code's DGWGAN32 with
    1,034,113 parameters. Images above 32 pixels get one number per place, whose mean is the critic's (the released code
    averages them over places and images alike); below, there are fewer convolutions.

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
    """[batch, places] to [batch]."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Average the places."""
        return values.mean(1)
