"""The inversion attackers' decoder `res_normN`: from a feature map back to the image (ResSFL, Li et al., CVPR 2022).

CEM attacks with eight blocks of width 64 (711,539 parameters for 8 x 8 x 8 features of 32 x 32 images, printed as
711.54 k), ResSFL's defence trains against four (415,091).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, nn

from privprune.models.initialisation import allocate

_LEAST_DEVIATION = 1e-6  # lower bound of the divisor, for channels that are constant
_EXTRAPOLATED = 2  # (ours) times the largest distance from the mean that was seen


class PreActivationBlock(nn.Module):
    """Residual block that normalises first: two 3x3 convolutions; 1x1 convolution and norm where channels change."""

    def __init__(self, channels: int, out: int) -> None:
        """Build the layers for the numbers of channels before and after."""
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, out, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1)
        self.shortcut = nn.Sequential()
        if channels != out:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, bias=False), nn.BatchNorm2d(out))

    def forward(self, features: Tensor) -> Tensor:
        """Map [batch, channels, height, width] to [batch, out, height, width]."""
        hidden = self.conv1(F.relu(self.norm1(features)))
        changed: Tensor = self.conv2(F.relu(self.norm2(hidden))) + self.shortcut(features)
        return changed


class DecoderSize(NamedTuple):
    """Size of a decoder: number of residual blocks, and their channels."""

    blocks: int
    width: int


def check_decoder(feature_shape: tuple[int, ...], image_shape: tuple[int, int, int]) -> int:
    """Return how often a decoder has to double the side of the features to reach that of the images.

    Args:
        feature_shape: (c, h, w) of a map, or (c,) of a vector, which is treated as a 1 x 1 map, as in ResSFL.
        image_shape: (C, H, W).

    Raises:
        ValueError: one line: no number of doublings reaches it, or the maps are not square.

    """
    height, width = feature_shape[1:] if len(feature_shape) == 3 else (1, 1)
    sides, times = f"{height}x{width} to {image_shape[1]}x{image_shape[2]}", image_shape[1] / height
    doublings = round(math.log2(max(times, 1)))
    if len(feature_shape) not in (1, 3) or height != width or image_shape[1:] != 2 * (height * 2**doublings,):
        raise ValueError(
            f"found features {'x'.join(map(str, feature_shape))} of images {'x'.join(map(str, image_shape))}, "
            f"a bottleneck the decoder cannot match ({sides}), allowed square maps, times 1, 2, 4, 8, ..."
        )
    return doublings


def build_decoder(
    feature_shape: tuple[int, ...],
    image_shape: tuple[int, int, int],
    *,
    blocks: int,
    width: int,
    generator: torch.Generator,
) -> nn.Sequential:
    """Build a decoder with random weights (PyTorch's own distributions).

    Block to `width`, ReLU, `blocks` times [block, ReLU], a transposed 3x3 convolution of stride 2 with norm and ReLU
    per doubling, block to the image's channels, sigmoid. As in the released code, a block with ReLU takes the place of
    the first and of the second doubling where there are fewer than two.

    Args:
        feature_shape: (c, h, w) of the features without batch, or (c,) of a vector.
        image_shape: (C, H, W).
        blocks: residual blocks at the features' size; 8 in CEM's attacks, 4 in ResSFL's defence.
        width: channels inside; 64 in both.
        generator: of the CPU; the only source of randomness.

    Returns:
        a module from features [batch, *feature_shape] to images [batch, C, H, W] in [0, 1], in training mode.

    Raises:
        ValueError: features that no decoder fits, see `check_decoder`.

    """
    doublings = check_decoder(feature_shape, image_shape)
    layers: list[nn.Module] = [] if len(feature_shape) == 3 else [nn.Unflatten(1, (feature_shape[0], 1, 1))]
    with torch.device("meta"):
        layers += [PreActivationBlock(feature_shape[0], width), nn.ReLU()]
        for _ in range(blocks + max(0, 2 - doublings)):
            layers += [PreActivationBlock(width, width), nn.ReLU()]
        for _ in range(doublings):
            up = nn.ConvTranspose2d(width, width, 3, stride=2, padding=1, output_padding=1)
            layers += [up, nn.BatchNorm2d(width), nn.ReLU()]
        layers += [PreActivationBlock(width, image_shape[0]), nn.Sigmoid()]
        decoder = nn.Sequential(*layers)
    return draw_weights(decoder, generator)


@torch.no_grad()
def draw_weights(network: nn.Sequential, generator: torch.Generator) -> nn.Sequential:
    """Initialise a network on the device `meta` by PyTorch's own distributions, drawn from the generator."""
    allocate(network)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            bound = 1 / math.sqrt(module.weight[0].numel())
            for values in module.parameters(recurse=False):
                values.uniform_(-bound, bound, generator=generator)
        elif isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d):
            module.reset_parameters()
    return network


class Standardise(nn.Module):
    """Subtract each channel's mean and divide by its standard deviation; a layer without parameters.

    A channel that pruning has all but closed hardly varies, until an image opens it: a thousand deviations, of which
    a decoder makes no image. So features are clipped to twice the distance from the mean that was seen (ours).
    """

    mean: Tensor
    deviation: Tensor
    furthest: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor, distance: Tensor) -> None:
        """Store what was seen of each channel; a constant channel is mapped to 0.

        Args:
            mean: of each channel, [channels].
            deviation: standard deviation, [channels].
            distance: the largest from the mean, [channels].

        """
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation.clamp(min=_LEAST_DEVIATION))
        self.register_buffer("furthest", _EXTRAPOLATED * distance)

    def forward(self, features: Tensor) -> Tensor:
        """Map features [batch, channels, ...]."""
        mean, deviation, furthest = (
            each.view(1, -1, *[1] * (features.dim() - 2)) for each in (self.mean, self.deviation, self.furthest)
        )
        return (features - mean).clamp(-furthest, furthest) / deviation


@torch.no_grad()
def fold(scaling: Standardise, decoder: nn.Sequential) -> None:
    """Change a decoder in place so that it maps standardised features to the images it gave for the raw features.

    This is exact in evaluation mode, except for the small number that a normalisation adds to the variance, and for a
    first block whose shortcut has no weights (as many channels as `width`): it passes on the standardised features.
    """
    first = next(module for module in decoder if isinstance(module, PreActivationBlock))
    _shift(first.norm1, scaling.mean)
    assert first.norm1.running_mean is not None  # noqa: S101 (it tracks running statistics)
    assert first.norm1.running_var is not None  # noqa: S101 (same)
    first.norm1.running_mean.div_(scaling.deviation)
    first.norm1.running_var.div_(scaling.deviation.square())
    if len(first.shortcut):
        convolution, norm = first.shortcut
        assert isinstance(convolution, nn.Conv2d)  # noqa: S101 (as PreActivationBlock builds it)
        assert isinstance(norm, nn.BatchNorm2d)  # noqa: S101 (same)
        _shift(norm, convolution.weight.flatten(1) @ scaling.mean)
        convolution.weight.mul_(scaling.deviation[None, :, None, None])


def _shift(norm: nn.BatchNorm2d, by: Tensor) -> None:
    assert norm.running_mean is not None  # noqa: S101 (it tracks running statistics)
    norm.running_mean.sub_(by)
