"""ADMM weight pruning (Zhang et al., ECCV 2018, arXiv 1804.03294), which MIA-Pruning builds on.

MIA-Pruning solves its Equation 2 with "modified ADMM", described in an appendix that is not public. This is the method
that it cites, with the schedule of rho that the authors' group uses in its public code (bing0037/ADMM_MNIST, 2020):

    min L(W) + sum_i g_i(Z_i)  subject to  W_i = Z_i,  g_i = 0 where card(Z_i) <= n_i, else infinity

is solved by alternating: W by gradient descent on L(W) + rho / 2 sum_i ||W_i - Z_i + U_i||_F^2, then
Z_i = projection of W_i + U_i on {card <= n_i}, then U_i = U_i + W_i - Z_i. After the last rho, only the n_i largest
weights of W are left; they are trained further while the others stay zero.

The group's code begins every rho with a new Z and U = 0, so that dual updates never add up: one per rho counts. With
`carry`, Z and U go on from one rho to the next. U is the dual variable divided by rho (Boyd et al. 2011, "Distributed
optimization and statistical learning via ADMM", Section 3.1.1), so it is multiplied by the old rho over the new one
(Section 3.4.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor

from privprune.checks import Check, check
from privprune.pruning.budget import Counts
from privprune.pruning.magnitude import magnitude_mask, top_magnitudes
from privprune.pruning.mask import Mask
from privprune.pruning.method import EXAMPLE_PLAN, Fit, MaskMethod
from privprune.settings import Positive, Range
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step, Term, TrainingPlan
from privprune.training.trained import Trained

LARGEST_RESIDUAL = 0.01  # above, masking changes the network, and what was trained is magnitude pruning (issue 13)
_ROUNDING = 1e-6  # of the fraction of an epoch that has passed


@dataclass(frozen=True)
class AdmmSettings:
    """The ADMM phases; the retraining after them is set by the entry, as for every method.

    Attributes:
        rho_start: rho of the first phase; each further phase has ten times that of the phase before.
        rho_rounds: number of phases; as in the group's code, each starts with a new optimiser and schedule.
        update_every: epochs between two updates of Z and U; below 1 for several updates in an epoch.
        carry: whether Z and U are those of the phase before; false begins each with new ones, as the group's code does.
        plan: how W is trained in one phase.

    """

    name: Literal["admm"]
    rho_start: Positive
    rho_rounds: Annotated[int, Range(1, 12)]  # each has ten times the rho of the one before
    update_every: Annotated[float, Range(0.001, 1_000_000)]
    carry: bool
    plan: TrainingPlan

    def __post_init__(self) -> None:
        """Refuse phases in which Z is never updated."""
        if self.update_every > self.plan.epochs:
            raise ValueError(
                f"update_every: found {self.update_every:g}, allowed at most plan.epochs {self.plan.epochs}"
            )


class AdmmTerm(Term):
    """One phase: the quadratic penalty and the updates of Z and U, for M networks, each with a Z and U of its own.

    Layers that keep all their weights are left out.
    """

    def __init__(self, counts: Counts, rho: float, update_every: float, before: AdmmTerm | None = None) -> None:
        """Store how the phase is to run.

        Args:
            counts: how many weights each layer keeps.
            rho: the weight of the penalty.
            update_every: epochs between two updates of Z and U.
            before: the phase before, whose Z and U are carried on; None to begin with new ones.

        """
        self._counts = counts
        self._rho = rho
        self._update_every = update_every
        self._before = before
        self._updates = 0

    def start(self, ensemble: Ensemble) -> None:
        """Set Z to the projection of W, and U to 0, or both to those of the phase before."""
        self._ensemble = ensemble
        self._sparse = tuple(
            name for name, weight in ensemble.weights().items() if self._counts[name] < weight[0].numel()
        )
        if self._before is None:
            self._dual = {name: torch.zeros_like(weight) for name, weight in self._weights().items()}
            self._split = project(self._weights(), self._counts)
        else:
            share = self._before._rho / self._rho  # noqa: SLF001 (of the same class)
            self._dual = {name: dual * share for name, dual in self._before._dual.items()}  # noqa: SLF001 (same)
            self._split = dict(self._before._split)  # noqa: SLF001 (same)
            self._before = None  # it is no longer needed, and would be stored with each checkpoint
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
        """Update Z, then U, whenever another `update_every` epochs have passed."""
        due = int(step.passed / self._update_every + _ROUNDING)
        if due <= self._updates:
            return
        self._updates = due
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
    return {name: value * top_magnitudes(value, counts[name]) for name, value in values.items()}


def admm(
    settings: AdmmSettings, ensemble: Ensemble, counts: Counts, fit: Fit, generators: Sequence[torch.Generator]
) -> Mask:
    """Train through the phases of growing rho, and return the mask of the largest weights."""
    del generators
    before: AdmmTerm | None = None
    for number in range(settings.rho_rounds):
        rho = settings.rho_start * 10**number
        term = AdmmTerm(counts, rho, settings.update_every, before)
        fit(f"admm, rho {rho:g}", settings.plan, (term,), {})
        before = term if settings.carry else None
    return magnitude_mask(ensemble.weights(), counts)


def checks(settings: AdmmSettings, trained: Trained) -> tuple[Check, ...]:
    """Check that the constraint holds nearly when the small weights are cut off."""
    del settings
    ends = [[value for value in curve if math.isfinite(value)][-1:] for curve in trained.curve("primal_residual")]
    values = [end[0] for end in ends if end]
    reason = "||W - Z|| / ||W|| over all pruned layers at the end of the last rho, what cutting takes away"
    return (check("primal residual at the cut", values, "below", LARGEST_RESIDUAL, reason),)


METHOD = MaskMethod(
    settings=AdmmSettings,
    find_mask=admm,
    checks=checks,
    examples=(
        {"name": "admm", "rho_start": 0.01, "rho_rounds": 2, "update_every": 0.5, "carry": True, "plan": EXAMPLE_PLAN},
        {"name": "admm", "rho_start": 0.01, "rho_rounds": 2, "update_every": 1, "carry": False, "plan": EXAMPLE_PLAN},
    ),
)
