"""How close one image is to another: mean squared error, PSNR and SSIM, in batches, with gradients."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

_DEVIATION, _RADIUS = 1.5, 5  # of the Gaussian window, 11 x 11 (Wang et al. 2004)
_C1, _C2 = 0.01**2, 0.03**2  # Wang et al.'s K1 and K2 at a data range of 1
_EXACT = 1e-10  # lower bound of the mean squared error in PSNR, 100 dB


def mse(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean squared error of each image.

    Args:
        first: float [n, channels, height, width] in [0, 1].
        second: the same shape and range.

    Returns:
        [n], in squared units of the range [0, 1].

    """
    return (first - second).square().flatten(1).mean(1)


def decibels(error: Tensor) -> Tensor:
    """Convert mean squared errors on [0, 1] to PSNR in dB, of the same shape; at most 100, where images are equal."""
    return -10 * error.clamp(min=_EXACT).log10()


def psnr(first: Tensor, second: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio of each image, dB [n]; arguments as for `mse`."""
    return decibels(mse(first, second))


def ssim(first: Tensor, second: Tensor) -> Tensor:
    """Return the structural similarity of each image (Wang et al. 2004): Gaussian 11 x 11, deviation 1.5, range 1.

    Equals scikit-image's `structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    data_range=1)`, averaged over channels, which counts only positions whose window lies inside the image. For images
    smaller than 11 pixels it equals the same call with `win_size` the largest odd number that fits: images are mirrored
    at their edges, and positions at the edges are excluded as for a window of that size.

    Args:
        first: float [n, channels, height, width] in [0, 1].
        second: the same shape and range.

    Returns:
        [n] in [-1, 1], computed in float32 at least, with gradients.

    """
    height, width = first.shape[-2:]
    with torch.autocast(first.device.type, enabled=False):
        first, second = (images.to(torch.promote_types(images.dtype, torch.float32)) for images in (first, second))
        # Centred on 0, since subtracting squares of means from means of squares loses precision for large means.
        first, second = first - 0.5, second - 0.5
        columns, rows = (_window(side, min(height, width)).to(first) for side in (height, width))
        planes = torch.stack([first, second, first.square(), second.square(), first * second])
        mean1, mean2, square1, square2, product = columns @ planes @ rows.T
        variances = square1 - mean1.square() + square2 - mean2.square()
        covariance = product - mean1 * mean2
        mean1, mean2 = mean1 + 0.5, mean2 + 0.5
        luminance = (2 * mean1 * mean2 + _C1) / (mean1.square() + mean2.square() + _C1)
        likeness: Tensor = luminance * (2 * covariance + _C2) / (variances + _C2)
        return likeness.flatten(1).mean(1)


@lru_cache(maxsize=16)
def _window(side: int, shorter: int) -> Tensor:
    """Return the Gaussian window along one side as a matrix, float64 [positions, side]; faster than a convolution.

    Args:
        side: number of pixels along it.
        shorter: pixels of the image's shorter side, which sets the positions excluded at the edges.

    """
    taps = torch.exp(-0.5 * (torch.arange(-_RADIUS, _RADIUS + 1, dtype=torch.float64) / _DEVIATION).square())
    taps = taps / taps.sum()
    left_out = min(2 * _RADIUS + 1, shorter - 1 + shorter % 2) // 2
    matrix = torch.zeros(side - 2 * left_out, side, dtype=torch.float64)
    for position in range(len(matrix)):
        reached = (torch.arange(-_RADIUS, _RADIUS + 1) + position + left_out) % (2 * side)
        mirrored = torch.where(reached < side, reached, 2 * side - 1 - reached)
        matrix[position].index_add_(0, mirrored, taps)
    return matrix
