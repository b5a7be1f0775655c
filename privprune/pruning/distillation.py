"""Distillation: the smaller network learns from the answers of the dense one while it is retrained.

GAL (Lin et al., CVPR 2019), whose wording PATROL borrows, trains without labels: the squared difference of both
sets of logits and a discriminator take their place. Here the task's own loss stays and there is no discriminator; the
sources of PATROL say nothing about either. `divergence` is the loss of Hinton et al. 2015 (arXiv 1503.02531).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor

from privprune.models import BlockNet
from privprune.settings import Positive
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step, Term


@dataclass(frozen=True)
class DistillationSettings:
    """The loss between the logits of both networks.

    Attributes:
        loss: `squared` difference, as in GAL, or `divergence` of the softened answers, times the squared temperature.
        weight: beside the task's loss; the factor that GAL calls mu.
        temperature: by which logits are divided before `divergence`; 1 for `squared`.

    """

    loss: Literal["squared", "divergence"]
    weight: Positive
    temperature: Positive

    def __post_init__(self) -> None:
        """Refuse a temperature that nothing reads."""
        if self.loss == "squared" and self.temperature != 1:
            raise ValueError(f"temperature: found {self.temperature:g} with squared, allowed 1")


class Distillation(Term):
    """Add the loss between the logits of a network and those of its teacher."""

    def __init__(self, settings: DistillationSettings, teacher: BlockNet) -> None:
        """Store the settings and a copy of the teacher, which does not change."""
        self._settings = settings
        self._teacher = copy.deepcopy(teacher).eval().requires_grad_(requires_grad=False)
        self._found: list[Tensor] = []

    def start(self, ensemble: Ensemble) -> None:
        """Move the teacher to the network's device."""
        self._teacher.to(next(ensemble.parameters()).device)

    def penalty(self, step: Step) -> Tensor:
        """Return the weighted loss of the batch, a scalar; the teacher sees the same images."""
        with torch.no_grad():
            taught: Tensor = self._teacher(step.inputs).float()
        loss = distance(step.logits, taught, self._settings)
        self._found.append(loss.detach())
        return self._settings.weight * loss

    def measurements(self) -> dict[str, Tensor]:
        """Return the mean loss over the epoch's batches, before its weight: [1]."""
        mean, self._found = torch.stack(self._found).mean()[None], []
        return {"distillation_loss": mean}


def distance(logits: Tensor, taught: Tensor, settings: DistillationSettings) -> Tensor:
    """Return the loss between logits, [batch, classes] each, a scalar: 0 where they agree."""
    if settings.loss == "squared":
        return F.mse_loss(logits, taught)
    heat = settings.temperature
    student, teacher = F.log_softmax(logits / heat, dim=1), F.log_softmax(taught / heat, dim=1)
    return heat**2 * F.kl_div(student, teacher, reduction="batchmean", log_target=True)
