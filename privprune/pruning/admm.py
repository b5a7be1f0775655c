"""ADMM weight pruning (Zhang et al., ECCV 2018, arXiv 1804.03294), which MIA-Pruning builds on.

MIA-Pruning solves its Equation 2 with "modified ADMM", described in an appendix that is not public. This is the method
that it cites, with the schedule of rho that the authors' group uses in its public code (bing0037/ADMM_MNIST, 2020):

    min L(W) + sum_i g_i(Z_i)  subject to  W_i = Z_i,  g_i = 0 where card(Z_i) <= n_i, else infinity

is solved by alternating: W by gradient descent on L(W) + rho / 2 sum_i ||W_i - Z_i + U_i||_F^2, then
Z_i = projection of W_i + U_i on {card <= n_i}, then U_i = U_i + W_i - Z_i. After the last rho, only the n_i largest
weights of W are left; they are trained further while the others stay zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor

from privprune.pruning.budget import Counts
from privprune.pruning.magnitude import magnitude_mask
from privprune.pruning.mask import Mask
from privprune.pruning.method import EXAMPLE_PLAN, Fit, MaskMethod
from privprune.settings import AtLeastOne, Positive
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step, Term, TrainingPlan


@dataclass(frozen=True)
class AdmmSettings:
    """The ADMM phases; the retraining after them is set by the entry, as for every method.

    Attributes:
        rho_start: rho of the first phase; each further phase has ten times that of the phase before.
        rho_rounds: number of phases. As in the group's code, each starts with new Z, U, optimiser and schedule.
        update_every: epochs between two updates of Z and U.
        plan: how W is trained in one phase.

    """

    name: Literal["admm"]
    rho_start: Positive
    rho_rounds: AtLeastOne
    update_every: AtLeastOne
    plan: TrainingPlan

    def __post_init__(self) -> None:
        """Refuse phases in which Z is never updated."""
        if self.update_every > self.plan.epochs:
            raise ValueError(f"update_every: found {self.update_every}, allowed at most plan.epochs {self.plan.epochs}")


class AdmmTerm(Term):
    """One phase: the quadratic penalty and the updates of Z and U, for M networks, each with a Z and U of its own.

    Layers that keep all their weights are left out.
    """

    def __init__(self, counts: Counts, rho: float, update_every: int) -> None:
        """Store how many weights each layer keeps, the weight of the penalty, and the epochs between two updates."""
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
        """Precompute Z - U, the target of the penalty."""
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
        """Update Z, then U, at the end of every `update_every`-th epoch."""
        if not step.last_of_epoch or (step.epoch + 1) % self._update_every:
            return
        weights = self._weights()
        self._split = project({name: weights[name] + self._dual[name] for name in self._sparse}, self._counts)
        for name in self._sparse:
            self._dual[name] += weights[name] - self._split[name]
        self._aim()

    def measurements(self) -> dict[str, Tensor]:
        """Return the primal residual ||W - Z||_F / ||W||_F over all pruned layers; if small, masking changes little."""
        weights = self._weights()
        if not weights:
            return {}
        residual = _norm([weights[name] - self._split[name] for name in self._sparse])
        return {"primal_residual": residual / _norm(list(weights.values()))}


def _norm(values: Sequence[Tensor]) -> Tensor:
    """Frobenius norm over several layers, per network: tensors [M, ...] to [M]."""
    return torch.stack([value.flatten(1).square().sum(1) for value in values]).sum(0).sqrt()


def project(values: dict[str, Tensor], counts: Counts) -> dict[str, Tensor]:
    """Return the Euclidean projection on the values with at most n_i non-zeros in each layer of each network.

    Args:
        values: weight name -> [M, *weight.shape].
        counts: n_i, by weight name.

    """
    mask = magnitude_mask(values, counts)
    return {name: value * mask.kept[name] for name, value in values.items()}


def admm(
    settings: AdmmSettings, ensemble: Ensemble, counts: Counts, fit: Fit, generators: Sequence[torch.Generator]
) -> Mask:
    """Train through the phases of growing rho, and return the mask of the largest weights."""
    del generators
    for number in range(settings.rho_rounds):
        rho = settings.rho_start * 10**number
        fit(f"admm, rho {rho:g}", settings.plan, (AdmmTerm(counts, rho, settings.update_every),), {})
    return magnitude_mask(ensemble.weights(), counts)


METHOD = MaskMethod(
    settings=AdmmSettings,
    find_mask=admm,
    examples=({"name": "admm", "rho_start": 0.01, "rho_rounds": 2, "update_every": 1, "plan": EXAMPLE_PLAN},),
)
