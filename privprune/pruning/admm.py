"""ADMM weight pruning (Zhang et al., ECCV 2018, arXiv 1804.03294): the method inside MIA-Pruning.

MIA-Pruning solves its Equation 2 with "modified ADMM", described in an appendix that is not public. Taken here is the
method it cites, with the schedule of rho that the authors' group uses in its public code (bing0037/ADMM_MNIST, 2020):

    min L(W) + sum_i g_i(Z_i)  subject to  W_i = Z_i,  g_i = 0 where card(Z_i) <= n_i, else infinity

by turns: W by gradient descent on L(W) + rho / 2 sum_i ||W_i - Z_i + U_i||_F^2, then
Z_i = projection of W_i + U_i on {card <= n_i}, then U_i = U_i + W_i - Z_i. After the last rho, W is cut to its n_i
largest weights and trained on with the others held at zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (the name that everybody knows it by)
from torch import Tensor

from privprune.pruning.budget import Counts
from privprune.pruning.magnitude import magnitude_mask
from privprune.pruning.mask import Mask
from privprune.pruning.method import Fit
from privprune.settings import AtLeastOne, Positive
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step, Term, TrainingPlan


@dataclass(frozen=True)
class AdmmSettings:
    """The ADMM phases; retraining after them has a plan of its own, as for every method.

    Attributes:
        rho_start: of the first phase; each further phase has ten times the one before.
        rho_rounds: number of phases. As in the group's code, each starts with new Z, U, optimiser and learning rate.
        update_every: epochs between two updates of Z and U.
        plan: how W is trained in one phase.

    """

    name: Literal["admm"]
    rho_start: Positive
    rho_rounds: AtLeastOne
    update_every: AtLeastOne
    plan: TrainingPlan

    def __post_init__(self) -> None:
        """Refuse phases that never touch Z."""
        if self.update_every > self.plan.epochs:
            raise ValueError(f"update_every: found {self.update_every}, allowed at most plan.epochs {self.plan.epochs}")


class AdmmTerm(Term):
    """One phase: the quadratic penalty, and the moves of Z and U. M networks side by side, each with its own.

    Layers that keep all their weights are left alone.
    """

    def __init__(self, counts: Counts, rho: float, update_every: int) -> None:
        """Take how many weights each layer keeps, the penalty's weight, and the epochs between two updates."""
        self._counts = counts
        self._rho = rho
        self._update_every = update_every

    def start(self, ensemble: Ensemble) -> None:
        """Set Z to the projection of W, and U to 0."""
        self._ensemble = ensemble
        self._sparse = tuple(
            name for name, weight in ensemble.weights().items() if self._counts[name] < weight[0].numel()
        )
        self._dual = {name: torch.zeros_like(weight) for name, weight in self._weights().items()}
        self._split = project(self._weights(), self._counts)
        self._aim()

    def _weights(self) -> dict[str, Tensor]:
        weights = self._ensemble.weights()
        return {name: weights[name].detach() for name in self._sparse}

    def _aim(self) -> None:
        """Precompute what the penalty pulls the weights to, Z - U."""
        self._target = {name: self._split[name] - self._dual[name] for name in self._sparse}

    def penalty(self, step: Step) -> Tensor | None:
        """Return rho / 2 sum_i ||W_i - Z_i + U_i||_F^2, summed over the networks."""
        if not self._sparse:
            return None
        weights = step.ensemble.weights()
        squares = [F.mse_loss(weights[name], target, reduction="sum") for name, target in self._target.items()]
        return self._rho / 2 * torch.stack(squares).sum()

    @torch.no_grad()
    def update(self, step: Step) -> None:
        """Move Z, then U, at the end of every `update_every`-th epoch."""
        if not step.last_of_epoch or (step.epoch + 1) % self._update_every:
            return
        weights = self._weights()
        self._split = project({name: weights[name] + self._dual[name] for name in self._sparse}, self._counts)
        for name in self._sparse:
            self._dual[name] += weights[name] - self._split[name]
        self._aim()

    def measurements(self) -> dict[str, Tensor]:
        """Return the primal residual ||W - Z||_F / ||W||_F over all pruned layers; below 0.01 the cut costs little."""
        weights = self._weights()
        if not weights:
            return {}
        missed = _norm([weights[name] - self._split[name] for name in self._sparse])
        return {"primal_residual": missed / _norm(list(weights.values()))}


def _norm(values: Sequence[Tensor]) -> Tensor:
    """Frobenius norm over several layers, per network: tensors [M, ...] to [M]."""
    return torch.stack([value.flatten(1).square().sum(1) for value in values]).sum(0).sqrt()


def project(values: dict[str, Tensor], counts: Counts) -> dict[str, Tensor]:
    """Return the nearest values, in the Euclidean norm, with at most n_i non-zeros in each layer of each network.

    Args:
        values: weight name -> [M, *weight.shape].
        counts: n_i, by weight name.

    """
    mask = magnitude_mask(values, counts)
    return {name: value * mask.kept[name] for name, value in values.items()}


def admm(
    settings: AdmmSettings, ensemble: Ensemble, counts: Counts, fit: Fit, generators: Sequence[torch.Generator]
) -> Mask:
    """Train through the phases of growing rho, then cut to the largest weights."""
    del generators
    for number in range(settings.rho_rounds):
        rho = settings.rho_start * 10**number
        fit(f"admm, rho {rho:g}", settings.plan, (AdmmTerm(counts, rho, settings.update_every),), {})
    return magnitude_mask(ensemble.weights(), counts)
