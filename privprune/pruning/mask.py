"""A mask: which weights of each network are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Mask:
    """Which weights are kept, of M networks of one architecture.

    A value: methods return one, `apply_` writes it into weights, and the training loop keeps the others at zero.

    Attributes:
        kept: weight name -> bool [M, *weight.shape]; all true for a layer that is not pruned.

    """

    kept: dict[str, Tensor]

    @staticmethod
    def ones_like(weights: Mapping[str, Tensor]) -> Mask:
        """Return a mask that keeps everything; weights are [M, *weight.shape]."""
        return Mask({name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weights.items()})

    @property
    def weights_left(self) -> Tensor:
        """Number of weights kept, int64 [M]."""
        return torch.stack([kept.flatten(1).sum(1) for kept in self.kept.values()]).sum(0)

    @property
    def weights(self) -> int:
        """Number of weights of one network before pruning."""
        return sum(kept[0].numel() for kept in self.kept.values())

    @property
    def density(self) -> Tensor:
        """Fraction of the weights that is kept, [M]."""
        return self.weights_left / self.weights

    @property
    def sparsity(self) -> Tensor:
        """Fraction of the weights that is pruned, [M]."""
        return 1 - self.density

    def of(self, member: int) -> dict[str, Tensor]:
        """Return one network's mask: weight name -> bool of the weight's shape."""
        return {name: kept[member] for name, kept in self.kept.items()}

    @torch.no_grad()
    def apply_(self, weights: Mapping[str, Tensor]) -> None:
        """Zero the pruned weights in place; weights are [M, *weight.shape]."""
        for name, kept in self.kept.items():
            weights[name].mul_(kept)
