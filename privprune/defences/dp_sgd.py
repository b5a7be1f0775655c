"""DP-SGD (Abadi et al. 2016) through Opacus: clip each record's gradient, add noise, account for the privacy spent.

The baseline of MIA-Pruning, Section 5.3 and Table 2. The paper states epsilon, 6.28 for MNIST, and nothing else; delta,
clipping norm and batch are our choice and are set in the suite.

The sum of the clipped gradients and the noise is divided by the expected batch size, not by the size of the batch that
was drawn (Abadi et al., Algorithm 1, with their lot size L): the divisor must not depend on who was drawn. A step on
more records than expected is thus longer, and a batch without any record, which Poisson sampling draws with the
probability (1 - q)^n, is a step too: of noise alone. The accountant counts it, as its analysis is over the draw.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from torch import Tensor, nn
from torch.func import vmap
from torch.nn.grad import conv2d_weight

from privprune.checks import Check, check
from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.method import DefenceMethod, DefendedCell
from privprune.errors import UserError, shown
from privprune.settings import Positive, Range
from privprune.training.batches import TrainingData
from privprune.training.ensemble import Ensemble
from privprune.training.trained import Trained

if TYPE_CHECKING:
    from opacus import GradSampleModule
    from opacus.optimizers import DPOptimizer

_LARGEST_ORDER = 63  # of the Renyi divergences that Opacus' accountant computes


@dataclass(frozen=True)
class DpSgdSettings:
    """The privacy budget of the whole training.

    Attributes:
        epsilon: target of (epsilon, delta)-differential privacy.
        delta: of the same; below 1 / records.
        clipping_norm: bound of each record's gradient in the 2-norm.
        accountant: by which the noise is set, Renyi (`rdp`) or privacy loss distribution (`prv`); `prv` is tighter, so
            it adds less noise. The epsilon that was reached is measured by both.

    """

    name: Literal["dp_sgd"]
    epsilon: Annotated[float, Range(0.1, 100)]  # beyond, an accountant of Opacus finds no noise, or infinity
    delta: Annotated[float, Range(1e-9, 0.1)]
    clipping_norm: Positive
    accountant: Literal["rdp", "prv"]


class DpSgd:
    """The gradient transform: Poisson sampling, clipping per record, Gaussian noise."""

    def __init__(self, settings: DpSgdSettings, context: DefenceContext) -> None:
        """Compute the noise multiplier with which the whole training has the target epsilon."""
        from opacus.accountants import create_accountant  # noqa: PLC0415 (takes two seconds, needed by these cells only)

        if len(context.generators) != 1:
            raise ValueError("dp_sgd: found several networks side by side, allowed stack: 1 (Opacus takes one network)")
        self._settings = settings
        self._generator = context.generators[0]  # draws the batches, on the CPU
        device = context.members.device  # on which the noise is drawn
        seed = self._generator.initial_seed()
        self._noise = self._generator if device.type == "cpu" else torch.Generator(device).manual_seed(seed)
        self._records = context.members.shape[1]
        self._rate = min(1.0, context.batch / self._records)
        self._planned = context.epochs * self._steps()
        self._accountant = create_accountant(settings.accountant)
        self.noise_multiplier = _noise_multiplier(
            settings.epsilon, settings.delta, self._rate, self._planned, settings.accountant
        )

    def _steps(self) -> int:
        return max(1, round(1 / self._rate))

    def attach(self, ensemble: Ensemble, optimiser: torch.optim.Optimizer, data: TrainingData) -> torch.optim.Optimizer:
        """Wrap the network to compute gradients per record, and the optimiser to clip them and add noise."""
        from opacus.optimizers import DPOptimizer  # noqa: PLC0415 (as above)
        from opacus.validators import ModuleValidator  # noqa: PLC0415 (same)

        errors = ModuleValidator.validate(ensemble.module, strict=False)
        if errors:
            raise UserError(f"dp_sgd: found {shown(str(errors[0]))}, allowed: networks without batch normalisation")
        self._wrapped = per_record(ensemble.module)
        ensemble.module = self._wrapped
        noisy = DPOptimizer(
            optimiser,
            noise_multiplier=self.noise_multiplier,
            max_grad_norm=self._settings.clipping_norm,
            expected_batch_size=round(self._rate * self._records),
            loss_reduction="mean",
            generator=self._noise,
        )
        noisy.attach_step_hook(self._account)
        private: torch.optim.Optimizer = noisy
        return private

    def _account(self, optimiser: DPOptimizer) -> None:
        self._accountant.step(noise_multiplier=optimiser.noise_multiplier, sample_rate=self._rate)

    def batches(self, data: TrainingData, batch: int) -> Iterator[Tensor]:
        """Draw one epoch of Poisson batches: each record is in a batch with the same probability, independently.

        An empty batch is a step as well, see above.
        """
        for _ in range(self._steps()):
            drawn = torch.rand(self._records, generator=self._generator) < self._rate
            yield drawn.nonzero().T.to(data.indices.device)

    def detach(self, ensemble: Ensemble) -> None:
        """Restore the network without the wrapper."""
        ensemble.module = self._wrapped.to_standard_module()

    def measured(self) -> dict[str, list[float]]:
        """Return the epsilon of the training by both accountants, its delta, the noise multiplier, and skipped steps.

        `epsilon` is by the accountant that set the noise.
        """
        reached = {name: self._epsilon(name) for name in ("rdp", "prv")}
        return {
            "epsilon": [reached[self._settings.accountant]],
            "epsilon_rdp": [reached["rdp"]],
            "epsilon_prv": [reached["prv"]],
            "delta": [self._settings.delta],
            "noise_multiplier": [self.noise_multiplier],
            "skipped_steps": [float(self._planned - sum(taken for _, _, taken in self._accountant.history))],
        }

    def _epsilon(self, accountant: str) -> float:
        """Return the epsilon of the steps that were taken, by one of the accountants."""
        from opacus.accountants import create_accountant  # noqa: PLC0415 (as above)

        other = create_accountant(accountant)
        other.history = list(self._accountant.history)
        return float(other.get_epsilon(delta=self._settings.delta))


@cache
def _noise_multiplier(epsilon: float, delta: float, rate: float, steps: int, accountant: str) -> float:
    """Return the deviation of the noise, in clipping norms; the search takes five seconds, and networks share it."""
    from opacus.accountants.utils import get_noise_multiplier  # noqa: PLC0415 (as above)

    return float(
        get_noise_multiplier(
            target_epsilon=epsilon, target_delta=delta, sample_rate=rate, steps=steps, accountant=accountant
        )
    )


def per_record(network: nn.Module) -> GradSampleModule:
    """Wrap a network so that the gradient of a mean loss is kept for each record, in `grad_sample` of the parameters.

    The gradients of convolutions are ours, not those of Opacus 1.6: it unfolds images, which takes twice as long, and
    where inputs or weights have channels last, it permutes the elements of the gradients, which then err by as much as
    they are large.
    """
    from opacus import GradSampleModule  # noqa: PLC0415 (as above)
    from opacus.grad_sample import register_grad_sampler  # noqa: PLC0415 (same)

    register_grad_sampler(nn.Conv2d)(_of_convolution)
    return GradSampleModule(network, loss_reduction="mean")


def _of_convolution(layer: nn.Conv2d, inputs: list[Tensor], gradients: Tensor) -> dict[Tensor, Tensor]:
    """Return the gradient of each parameter of a convolution for each record, in the form that Opacus asks for.

    Args:
        layer: the convolution.
        inputs: one tensor, [batch, channels, height, width].
        gradients: with respect to its output, [batch, channels, height, width].

    """
    shape = layer.weight.shape
    geometry = layer.stride, layer.padding, layer.dilation, layer.groups

    def of_one(image: Tensor, gradient: Tensor) -> Tensor:
        found: Tensor = conv2d_weight(image[None], shape, gradient[None], *geometry)
        return found

    drawn = len(gradients) > 0  # else there is nothing to map over
    found = {layer.weight: vmap(of_one)(inputs[0], gradients) if drawn else gradients.new_empty(0, *shape)}
    return found if layer.bias is None else {**found, layer.bias: gradients.sum((2, 3))}


def dp_sgd(settings: DpSgdSettings, context: DefenceContext) -> Defence:
    """Train with differential privacy."""
    transform = DpSgd(settings, context)
    return Defence(transform=transform, measured=transform.measured)


def least_epsilon(delta: float) -> float:
    """Return the epsilon that Opacus' RDP accountant gives for endless noise: its conversion at its largest order."""
    return -(math.log(delta) + math.log(_LARGEST_ORDER)) / (_LARGEST_ORDER - 1) + math.log1p(-1 / _LARGEST_ORDER)


def check_dp_sgd(settings: DpSgdSettings, cell: DefendedCell) -> None:
    """Refuse networks with batch normalisation: its batch statistics leave the influence of a record unbounded.

    Raises:
        ValueError: the networks have batch normalisation, or are not trained; no noise has an epsilon so small.

    """
    if settings.accountant == "rdp" and settings.epsilon <= (least := least_epsilon(settings.delta)):
        raise ValueError(
            f"epsilon: found {settings.epsilon:g} with delta {settings.delta:g}, allowed with rdp: above {least:.3g}"
        )
    if cell.epochs < 1:
        raise ValueError(f"found {cell.epochs} epochs, allowed with dp_sgd: at least 1")
    if cell.shapes.normalises:
        raise ValueError(f"found {cell.model}, which has batch normalisation, allowed with dp_sgd: networks without")


def checks(settings: DpSgdSettings, trained: Trained) -> tuple[Check, ...]:
    """Check that the promise was kept: no more epsilon than set, and no step without noise and accounting."""
    reached, skipped = (trained.measured.get(name, ()) for name in ("epsilon", "skipped_steps"))
    by = f"epsilon of the steps that were taken, by the accountant {settings.accountant}"
    return (
        check("achieved epsilon", reached, "at most", settings.epsilon, by),
        check("no skipped step", skipped, "at most", 0.0, "planned steps that were taken without noise or not at all"),
    )


METHOD = DefenceMethod(
    settings=DpSgdSettings,
    build=dp_sgd,
    needs=frozenset({"one_network", "classes", "whole_training"}),
    check=check_dp_sgd,
    checks=checks,
    imports=("opacus",),
    examples=({"name": "dp_sgd", "epsilon": 5, "delta": 0.01, "clipping_norm": 1, "accountant": "rdp"},),
)
