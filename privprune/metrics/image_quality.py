"""How close one image is to another: mean squared error, PSNR and SSIM, in batches, with gradients."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

Padding = Literal["zero", "valid"]  # what is beyond an image's edge: zeros, or nothing, so that no window reaches there

_DEVIATION, _RADIUS = 1.5, 5  # of the Gaussian window, 11 x 11 (Wang et al. 2004)
_K1, _K2 = 0.01, 0.03  # Wang et al.'s constants, in units of the data range
_UNIFORM = 7  # side of scikit-image's default window, all of whose pixels count the same
_SMALLEST_RANGE = 1 / 255  # one step of a byte, where the data range of an image of one colour would be 0
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


def ssim(first: Tensor, second: Tensor, padding: Padding) -> Tensor:
    """Return the structural similarity of each image (Wang et al. 2004): Gaussian 11 x 11, deviation 1.5, range 1.

    `zero` counts every pixel, and beyond the edges the images are black: so do the released code of CEM and ResSFL
    (Po-Hsun-Su/pytorch-ssim: convolutions padded with zeros, of images in [0, 1]), and so are the numbers that CEM
    prints. Both images then end in a step to black, which raises most values.

    `valid` counts only positions whose window lies inside the image. It equals scikit-image's
    `structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1)`, averaged over
    channels. For images smaller than 11 pixels it equals the same call with `win_size` the largest odd number that
    fits: images are mirrored at their edges, and positions at the edges are excluded as for a window of that size.

    Args:
        first: float [n, channels, height, width] in [0, 1].
        second: the same shape and range.
        padding: what is beyond the edges.

    Returns:
        [n] in [-1, 1], computed in float32 at least, with gradients.

    """
    height, width = first.shape[-2:]
    with torch.autocast(first.device.type, enabled=False):
        columns, rows = (_gaussian(side, min(height, width), padding) for side in (height, width))
        first, second = (images.to(torch.promote_types(images.dtype, torch.float32)) for images in (first, second))
        return _similarity(first, second, columns, rows)


def ssim_uniform(images: Tensor, reconstructed: Tensor) -> Tensor:
    """Return the structural similarity of each image as He, Zhang and Lee (ACSAC 2019) score reconstructions.

    Their code (zechenghe/Inverse_Collaborative_Inference, `inverse_whitebox_*_defense.py`) calls scikit-image's
    `compare_ssim` with its defaults: a uniform window of 7 x 7 inside the image, sample covariances, the mean over
    channels. As the data range it gives the largest less the smallest value of the reconstruction, at least one step
    of a byte here. Images smaller than 7 pixels have the largest window of odd size that fits.

    Args:
        images: float [n, channels, height, width] in [0, 1].
        reconstructed: the same shape and range.

    Returns:
        float64 [n] in [-1, 1].

    """
    height, width = images.shape[-2:]
    window = min(_UNIFORM, min(height, width) - 1 + min(height, width) % 2)
    sample = window**2 / max(window**2 - 1, 1)
    with torch.autocast(images.device.type, enabled=False):
        images, reconstructed = images.double(), reconstructed.double()  # the range squared may be very small
        flat = reconstructed.flatten(1)
        spread = (flat.amax(1) - flat.amin(1)).clamp(min=_SMALLEST_RANGE).view(-1, 1, 1, 1)
        columns, rows = (_uniform(side, window) for side in (height, width))
        return _similarity(images, reconstructed, columns, rows, spread, sample)


def _similarity(
    first: Tensor, second: Tensor, columns: Tensor, rows: Tensor, spread: Tensor | float = 1.0, sample: float = 1.0
) -> Tensor:
    """Return the mean over channels and positions of Wang et al.'s Equation 13, [n].

    Args:
        first: float [n, channels, height, width] in [0, 1].
        second: the same shape and range.
        columns: the window along the height, [positions, height]; its rows sum to less than 1 where it reaches black.
        rows: the window along the width, [positions, width].
        spread: the data range.
        sample: factor of variances and covariance, such as that of sample covariances.

    """
    inside = torch.outer(columns.sum(1), rows.sum(1)).to(first)  # share of each window that lies in the image
    columns, rows = columns.to(first), rows.to(first)
    # Centred on 0, since subtracting squares of means from means of squares loses precision for large means.
    first, second = first - 0.5, second - 0.5
    planes = torch.stack([first, second, first.square(), second.square(), first * second])
    mean1, mean2, square1, square2, product = columns @ planes @ rows.T
    black = 1 - inside
    edge = 0.25 * inside * black  # variance of the step from black to the centre; 0 where no window reaches black
    variances = square1 - mean1.square() + square2 - mean2.square() + black * (mean1 + mean2) + 2 * edge
    covariance = product - mean1 * mean2 + 0.5 * black * (mean1 + mean2) + edge
    mean1, mean2 = mean1 + 0.5 * inside, mean2 + 0.5 * inside
    low, high = (_K1 * spread) ** 2, (_K2 * spread) ** 2
    luminance = (2 * mean1 * mean2 + low) / (mean1.square() + mean2.square() + low)
    likeness: Tensor = luminance * (2 * sample * covariance + high) / (sample * variances + high)
    return likeness.flatten(1).mean(1)


@lru_cache(maxsize=16)
def _gaussian(side: int, shorter: int, padding: Padding) -> Tensor:
    """Return the Gaussian window along one side as a matrix, float64 [positions, side]; faster than a convolution.

    Args:
        side: number of pixels along it.
        shorter: pixels of the image's shorter side, which sets the positions excluded at the edges.
        padding: what is beyond the edges.

    """
    taps = torch.exp(-0.5 * (torch.arange(-_RADIUS, _RADIUS + 1, dtype=torch.float64) / _DEVIATION).square())
    taps = taps / taps.sum()
    left_out = 0 if padding == "zero" else min(2 * _RADIUS + 1, shorter - 1 + shorter % 2) // 2
    matrix = torch.zeros(side - 2 * left_out, side, dtype=torch.float64)
    for position in range(len(matrix)):
        reached = torch.arange(-_RADIUS, _RADIUS + 1) + position + left_out
        if padding == "zero":
            within = (reached >= 0) & (reached < side)
            matrix[position, reached[within]] = taps[within]
        else:
            around = reached % (2 * side)
            matrix[position].index_add_(0, torch.where(around < side, around, 2 * side - 1 - around), taps)
    return matrix


@lru_cache(maxsize=16)
def _uniform(side: int, window: int) -> Tensor:
    """Return a uniform window inside the image along one side as a matrix, float64 [positions, side]."""
    matrix = torch.zeros(side - window + 1, side, dtype=torch.float64)
    for position in range(len(matrix)):
        matrix[position, position : position + window] = 1 / window
    return matrix
