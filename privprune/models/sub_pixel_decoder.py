"""A small decoder that works on a coarse grid and spreads each place's channels over pixels at its end.

Sub-pixel convolution is of Shi et al. (CVPR 2016, arXiv 1609.05158). At full resolution there is no layer but the
sigmoid, so that a step on a CPU costs a fraction of one of `models.decoder`, which ends with a block there. And it sees
whitened features: what a defence leaves of an image often lies in directions of little variance, which a decoder of
raw features finds last.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, nn

from privprune.models.decoder import PreActivationBlock, draw_weights

_LEAST_VARIANCE = 0.01  # (ours) in units of the mean variance; added, so that noise and rounding are not blown up
_CONSTANT = 1e-12  # least mean variance, for features that do not vary


def check_sub_pixel_decoder(feature_shape: tuple[int, ...], image_shape: tuple[int, int, int], patch: int) -> int:
    """Return the side of the grid, on which every place becomes `patch` x `patch` pixels.

    Args:
        feature_shape: (c, h, w) of a map, or (c,) of a vector, which is treated as a 1 x 1 map.
        image_shape: (C, H, W).
        patch: side of a patch in pixels.

    Raises:
        ValueError: one line: patches do not tile the image, or neither of grid and features divides the other.

    """
    height, width = feature_shape[1:] if len(feature_shape) == 3 else (1, 1)
    grid, left = divmod(image_shape[1], patch)
    if left or image_shape[1] != image_shape[2]:
        raise ValueError(f"patch: found {patch}, allowed a divisor of the sides {image_shape[1]} and {image_shape[2]}")
    if height != width or max(grid, height) % min(grid, height):
        raise ValueError(
            f"patch: found {patch}, a grid of {grid}x{grid} for features of {height}x{width}, "
            "allowed square maps, whose side divides the grid's or is divided by it"
        )
    return grid


class Whitening(nn.Module):
    """Remove the mean of the channels and their correlations by C^(-1/2), with C their covariance; no parameters.

    Of all such matrices it is the one that changes features least (ZCA; Bell and Sejnowski, Vision Research 1997).
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, examples: Tensor) -> None:
        """Compute the moments from examples, float [n, channels, height, width]; every place counts as a sample."""
        super().__init__()
        rows = examples.double().movedim(1, 0).flatten(1)
        mean = rows.mean(1)
        variances, directions = torch.linalg.eigh(torch.cov(rows, correction=0).view(len(rows), len(rows)))
        added = (_LEAST_VARIANCE * variances.mean()).clamp(min=_CONSTANT)
        matrix = directions / (variances.clamp(min=0) + added).sqrt() @ directions.T
        self.register_buffer("mean", mean.to(examples.dtype))
        self.register_buffer("matrix", matrix.to(examples.dtype)[:, :, None, None])

    def forward(self, features: Tensor) -> Tensor:
        """Map features [batch, channels, height, width]."""
        return F.conv2d(features - self.mean[:, None, None], self.matrix)


def build_sub_pixel_decoder(
    examples: Tensor,
    image_shape: tuple[int, int, int],
    *,
    patch: int,
    blocks: int,
    width: int,
    generator: torch.Generator,
) -> nn.Sequential:
    """Build a decoder with random weights (PyTorch's own distributions).

    Channels are whitened. Features come to the grid by one layer: a 3x3 convolution, before which places of a finer map
    are stacked as channels, or, for a coarser map or a vector, a transposed convolution without overlap. Then `blocks`
    residual blocks, ReLU, a 3x3 convolution to patch^2 values per colour and place, which are laid out as pixels;
    sigmoid.

    Args:
        examples: some features, [n, c, h, w], or [n, c] for vectors; the whitening is computed from them.
        image_shape: (C, H, W).
        patch: side of the square of pixels that one place of the grid makes.
        blocks: residual blocks on the grid.
        width: channels inside.
        generator: of the CPU; the only source of randomness.

    Returns:
        a module from features [batch, *feature_shape] to images [batch, C, H, W] in [0, 1], in training mode.

    Raises:
        ValueError: features that it does not fit, see `check_sub_pixel_decoder`.

    """
    feature_shape = tuple(examples.shape[1:])
    grid = check_sub_pixel_decoder(feature_shape, image_shape, patch)
    vectors, side = len(feature_shape) == 1, feature_shape[-1] if len(feature_shape) == 3 else 1
    finer = max(1, side // grid)
    start: list[nn.Module] = [nn.Unflatten(1, (feature_shape[0], 1, 1))] if vectors else []
    start += [nn.PixelUnshuffle(finer)] if finer > 1 else []
    stacked = nn.Sequential(*start)(examples)
    channels = stacked.shape[1]
    with torch.device("meta"):
        if side < grid:
            layers: list[nn.Module] = [nn.ConvTranspose2d(channels, width, grid // side, stride=grid // side)]
        else:
            layers = [nn.Conv2d(channels, width, 3, padding=1)]
        layers += [PreActivationBlock(width, width) for _ in range(blocks)]
        layers += [nn.ReLU(), nn.Conv2d(width, image_shape[0] * patch**2, 3, padding=1)]
        trained = nn.Sequential(*layers, nn.PixelShuffle(patch), nn.Sigmoid())
    return nn.Sequential(*start, Whitening(stacked), *draw_weights(trained, generator))
