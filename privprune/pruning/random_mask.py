"""The random baseline: a mask with as many weights in each layer as the method under test keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from privprune.pruning.budget import Counts
from privprune.pruning.mask import Mask
from privprune.pruning.method import Fit, MaskMethod
from privprune.training.ensemble import Ensemble


@dataclass(frozen=True)
class RandomSettings:
    """Prune at random, then retrain."""

    name: Literal["random"]


def one_shot_random(
    settings: RandomSettings, ensemble: Ensemble, counts: Counts, fit: Fit, generators: Sequence[torch.Generator]
) -> Mask:
    """Return a random mask, which does not depend on the values of the weights."""
    del settings, fit
    return random_mask(ensemble.weights(), counts, generators)


def random_mask(weights: Mapping[str, Tensor], counts: Counts, generators: Sequence[torch.Generator]) -> Mask:
    """Keep a random subset of each layer's weights, drawn uniformly from all subsets of the given size.

    Args:
        weights: weight name -> [M, *weight.shape].
        counts: how many each layer keeps.
        generators: of the CPU, one per network.

    """
    kept = {}
    for name, weight in weights.items():
        flat = torch.zeros(weight.shape[0], weight[0].numel(), dtype=torch.bool)
        for row, generator in zip(flat, generators, strict=True):
            row[torch.randperm(row.numel(), generator=generator)[: counts[name]]] = True
        kept[name] = flat.view(weight.shape).to(weight.device)
    return Mask(kept)


METHOD = MaskMethod(settings=RandomSettings, find_mask=one_shot_random, examples=({"name": "random"},))
