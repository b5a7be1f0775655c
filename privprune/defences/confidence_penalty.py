"""The confidence penalty (Pereyra et al. 2017, arXiv 1701.06548): reward output distributions of high entropy.

Membership leaks because a network is more confident on its training records than on others. This regulariser is the
cheapest defence against that, so a costlier one has to do better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor

from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.method import DefenceMethod
from privprune.settings import Positive
from privprune.training.ensemble import side_of
from privprune.training.loop import Step, Term


@dataclass(frozen=True)
class ConfidencePenaltySettings:
    """The weight of the entropy in the loss: beta of the paper's Section 3."""

    name: Literal["confidence_penalty"]
    weight: Positive


class ConfidencePenalty(Term):
    """Subtract beta * H(p(y|x)) from the loss."""

    def __init__(self, settings: ConfidencePenaltySettings) -> None:
        """Store the weight."""
        self._weight = settings.weight

    def penalty(self, step: Step) -> Tensor:
        """Return -beta * H, the mean over each network's batch, summed over the networks."""
        logs = F.log_softmax(step.logits, dim=1)
        negative_entropy = (logs.exp() * logs).sum(1)
        return self._weight * side_of(negative_entropy, step.ensemble.members).mean(1).sum()


def confidence_penalty(settings: ConfidencePenaltySettings, context: DefenceContext) -> Defence:
    """Apply the penalty during the whole training."""
    del context
    return Defence(terms=(ConfidencePenalty(settings),))


METHOD = DefenceMethod(
    settings=ConfidencePenaltySettings,
    build=confidence_penalty,
    examples=({"name": "confidence_penalty", "weight": 0.3},),
)
