"""How close one image is to another: mean squared error, PSNR and SSIM, in batches, with gradients."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

_DEVIATION, _RADIUS = 1.5, 5  # of the Gaussian window, 11 x 11 (Wang et al. 2004)
_C1, _C2 = 0.01**2, 0.03**2  # Wang et al.'s K1 and K2 at a data range of 1
_EXACT = 1e-10  # a mean squared error below this counts as this, 100 dB


def mse(first: Tensor, second: Tensor) -> Tensor:
    """Mean squared error of each image.

    Args:
        first: float [n, channels, height, width] in [0, 1].
        second: the same shape and range.

    Returns:
        [n], in squared units of the range [0, 1].

    """
    return (first - second).square().flatten(1).mean(1)


def decibels(error: Tensor) -> Tensor:
    """Turn mean squared errors on [0, 1] into PSNR, dB of the same shape; 100 dB at most, where images are equal."""
    return -10 * error.clamp(min=_EXACT).log10()


def psnr(first: Tensor, second: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image, dB [n]; arguments as for `mse`."""
    return decibels(mse(first, second))


def ssim(first: Tensor, second: Tensor) -> Tensor:
    """Structural similarity of each image (Wang et al. 2004): Gaussian window of 11 x 11, deviation 1.5, range 1.

    Equals scikit-image's `structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    data_range=1)` of each channel, averaged, which takes only places whose window lies in the image. Of images smaller
    than 11 pixels it equals the same call with `win_size` the largest odd number that fits: images are mirrored at
    their edges, and the outer places are left out as for a window of that size.

    Args:
        first: float [n, channels, height, width] in [0, 1].
        second: the same shape and range.

    Returns:
        [n] in [-1, 1], computed in float32 at least, with gradients.

    """
    height, width = first.shape[-2:]
    with torch.autocast(first.device.type, enabled=False):
        first, second = (images.to(torch.promote_types(images.dtype, torch.float32)) for images in (first, second))
        # Centred on 0, so that little is lost where squares of means are taken from means of squares.
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
    """Gaussian means along one side as a matrix, float64 [places, side]; a product is faster than small convolutions.

    Args:
        side: pixels along it.
        shorter: pixels of the image's shorter side, which sets what is left out at the edges.

    """
    taps = torch.exp(-0.5 * (torch.arange(-_RADIUS, _RADIUS + 1, dtype=torch.float64) / _DEVIATION).square())
    taps = taps / taps.sum()
    left_out = min(2 * _RADIUS + 1, shorter - 1 + shorter % 2) // 2
    matrix = torch.zeros(side - 2 * left_out, side, dtype=torch.float64)
    for place in range(len(matrix)):
        reached = (torch.arange(-_RADIUS, _RADIUS + 1) + place + left_out) % (2 * side)
        mirrored = torch.where(reached < side, reached, 2 * side - 1 - reached)
        matrix[place].index_add_(0, mirrored, taps)
    return matrix
