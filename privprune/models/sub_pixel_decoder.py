"""A small decoder that works on a coarse grid and spreads each place's channels over pixels at its end.

Sub-pixel convolution is of Shi et al. (CVPR 2016, arXiv 1609.05158). At full resolution there is no layer but the
sigmoid, so that a step on a CPU costs a fraction of one of `models.decoder`, which ends with a block there.
"""

from __future__ import annotations

import torch
from torch import nn

from privprune.models.decoder import PreActivationBlock, draw_weights


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


def build_sub_pixel_decoder(
    feature_shape: tuple[int, ...],
    image_shape: tuple[int, int, int],
    *,
    patch: int,
    blocks: int,
    width: int,
    generator: torch.Generator,
) -> nn.Sequential:
    """Build a decoder with random weights (PyTorch's own distributions).

    Features come to the grid by one layer: a 3x3 convolution, before which places of a finer map are stacked as
    channels, or, for a coarser map or a vector, a transposed convolution without overlap. Then `blocks` residual
    blocks, ReLU, a 3x3 convolution to patch^2 values per colour and place, which are laid out as pixels; sigmoid.

    Args:
        feature_shape: (c, h, w) of the features without batch, or (c,) of a vector.
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
    grid = check_sub_pixel_decoder(feature_shape, image_shape, patch)
    channels, side = feature_shape[0], feature_shape[1] if len(feature_shape) == 3 else 1
    layers: list[nn.Module] = [] if len(feature_shape) == 3 else [nn.Unflatten(1, (channels, 1, 1))]
    with torch.device("meta"):
        if side < grid:
            layers.append(nn.ConvTranspose2d(channels, width, grid // side, stride=grid // side))
        else:
            finer = side // grid
            layers += [nn.PixelUnshuffle(finer)] if finer > 1 else []
            layers.append(nn.Conv2d(channels * finer**2, width, 3, padding=1))
        layers += [PreActivationBlock(width, width) for _ in range(blocks)]
        layers += [nn.ReLU(), nn.Conv2d(width, image_shape[0] * patch**2, 3, padding=1)]
        decoder = nn.Sequential(*layers, nn.PixelShuffle(patch), nn.Sigmoid())
    return draw_weights(decoder, generator)
