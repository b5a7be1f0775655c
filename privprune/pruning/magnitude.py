"""One-shot magnitude pruning: keep the largest weights of each layer. A baseline, and the projection inside ADMM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from privprune.errors import UserError
from privprune.pruning.budget import Counts
from privprune.pruning.mask import Mask
from privprune.pruning.method import Fit, MaskMethod
from privprune.training.ensemble import Ensemble


@dataclass(frozen=True)
class MagnitudeSettings:
    """Prune once by magnitude, then retrain."""

    name: Literal["magnitude"]


def one_shot_magnitude(
    settings: MagnitudeSettings, ensemble: Ensemble, counts: Counts, fit: Fit, generators: Sequence[torch.Generator]
) -> Mask:
    """Return the mask of the largest weights, without training first."""
    del settings, fit, generators
    return magnitude_mask(ensemble.weights(), counts)


def magnitude_mask(weights: Mapping[str, Tensor], counts: Counts) -> Mask:
    """Keep the weights of largest magnitude, layer by layer and network by network.

    Args:
        weights: weight name -> [M, *weight.shape].
        counts: how many each layer keeps.

    Raises:
        UserError: weights are not finite, because training has diverged.

    """
    kept = {}
    for name, weight in weights.items():
        if not weight.isfinite().all():
            raise UserError(f"pruning: {name} is not finite: training diverged, allowed a lower learning rate or rho")
        kept[name] = top_magnitudes(weight.detach(), counts[name])
    return Mask(kept)


def top_magnitudes(values: Tensor, count: int) -> Tensor:
    """Mark exactly the `count` largest magnitudes of each network; among equal ones, those of lower index.

    Args:
        values: float [M, ...].
        count: 1 to the number of values of a network.

    Returns:
        bool of the same shape.

    """
    magnitudes = values.abs().flatten(1)
    threshold = magnitudes.topk(count, sorted=False).values.amin(1, keepdim=True)
    above, equal = magnitudes > threshold, magnitudes == threshold
    missing = count - above.sum(1, keepdim=True)
    return (above | (equal & (equal.cumsum(1) <= missing))).view(values.shape)


METHOD = MaskMethod(settings=MagnitudeSettings, find_mask=one_shot_magnitude, examples=({"name": "magnitude"},))
