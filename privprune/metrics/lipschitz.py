"""Local Lipschitz constants of an edge, block by block: PATROL (Ding et al., WACV 2024), README.

With Gaussian noise delta on an image x and blocks f_1 to f_N,

    k_1 = || f_1(x + delta) - f_1(x) || / || delta ||
    k_i = || f_i..f_1(x + delta) - f_i..f_1(x) || / || f_(i-1)..f_1(x + delta) - f_(i-1)..f_1(x) ||

in the Euclidean norm (our choice: the README names none). Every output is first divided by its root mean square
deviation from the means of its channels (our choice), so that scaling the features down, which a decoder can undo, or
adding a constant to them does not change the measure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from privprune.memory import images_at_once

Block = Callable[[Tensor], Tensor]

_FLOOR = 1e-12  # lower bound of every divisor; a block with a constant output has the Lipschitz constant 0
_ROUNDING = 1e-6  # of sums of float32 products, relative to the norm of what was summed


def wide(values: Tensor) -> Tensor:
    """Return bfloat16 values in float32, and others unchanged."""
    return values.float() if values.dtype == torch.bfloat16 else values


def change(other: Tensor, one: Tensor) -> Tensor:
    """Return the Euclidean norm of the difference of each pair, [n, ...] and [n, ...] to [n].

    It is 0, without a gradient, where it is no more than the rounding of what is compared. Where a block is 0 for an
    image with and without noise, as one whose masks reach 0 can be, the next block's rounding would otherwise be
    divided by nothing: the ratio had a gradient of 10^5, and one step ruined the masks and the network.
    """
    norm: Tensor = torch.linalg.vector_norm((wide(other) - wide(one)).flatten(1), dim=1)
    size = torch.linalg.vector_norm(wide(one.detach()).flatten(1), dim=1)
    return torch.where(norm > _ROUNDING * size, norm, 0)


def scale(outputs: Tensor) -> Tensor:
    """Return the root mean square deviation of outputs [n, channels, ...] from their channels' means, a scalar."""
    rows = wide(outputs).transpose(0, 1).flatten(1)
    return rows.var(dim=1, correction=0).mean().clamp(min=_FLOOR).sqrt()


def ratios(changes: Sequence[Tensor]) -> list[Tensor]:
    """Return each block's ratio of output perturbation to input perturbation.

    Args:
        changes: norms [n] of the perturbation of the image, then of each block's output, see `change`.

    Returns:
        one [n] per block, not normalised; 0 where no perturbation reached the block.

    """
    return [torch.where(before > 0, after / before.clamp(min=_FLOOR), 0) for before, after in pairwise(changes)]


def normalisers(scales: Sequence[Tensor]) -> list[Tensor]:
    """Return the factor that normalises the ratio of each block, from the `scale` of each block's output.

    The image is not normalised, so the ratio of the first block is divided by the scale of its output only.
    """
    before = [torch.ones_like(scales[0]), *scales]
    return [one / own for one, own in zip(before, scales, strict=False)]


@torch.no_grad()
def local_lipschitz(
    blocks: Sequence[Block], images: Tensor, deviation: float, generator: torch.Generator
) -> list[float]:
    """Measure the normalised Lipschitz constants of consecutive blocks, averaged over images.

    Args:
        blocks: in evaluation mode; one that draws random numbers must draw the same ones at each call, see
            `models.repeatable`.
        images: float32 [n, C, H, W] in [-1, 1].
        deviation: standard deviation of the noise, in the units of the images.
        generator: of the CPU, source of the noise.

    Returns:
        k_1 to k_N, without unit.

    """
    found: list[list[Tensor]] = []
    sums: list[Tensor] = []
    for clean in images.split(images_at_once(images.shape[1:])):
        noise = torch.randn(clean.shape, generator=generator).to(clean.device)
        norms, moments = _passes(blocks, clean, clean + deviation * noise)
        found.append(ratios(norms))
        sums = [one + other for one, other in zip(sums, moments, strict=True)] if sums else moments
    factors = normalisers([_scale_of(moment) for moment in sums])
    joined = [torch.cat(parts) for parts in zip(*found, strict=True)]
    return [float((ratio * factor).mean()) for ratio, factor in zip(joined, factors, strict=True)]


def edge_lipschitz(edge: Block, images: Tensor, deviation: float, generator: torch.Generator) -> float:
    """Measure the normalised Lipschitz constant of a whole edge as one block; arguments as for `local_lipschitz`."""
    return local_lipschitz([edge], images, deviation, generator)[0]


def _passes(blocks: Sequence[Block], clean: Tensor, noisy: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Return the norms of the perturbations, and count, sum and sum of squares of each output's channels."""
    changes, moments = [change(noisy, clean)], []
    for block in blocks:
        clean, noisy = block(clean), block(noisy)
        changes.append(change(noisy, clean))
        rows = clean.transpose(0, 1).flatten(1).double()
        count = torch.full_like(rows[:, 0], rows.shape[1])
        moments.append(torch.stack([count, rows.sum(1), rows.square().sum(1)]))
    return changes, moments


def _scale_of(moment: Tensor) -> Tensor:
    """Return the `scale` of outputs from count, sum and sum of squares of their channels, [3, channels]."""
    count, total, squares = moment
    variance: Tensor = (squares / count - (total / count).square()).mean()
    return variance.clamp(min=_FLOOR).sqrt()
