"""The gap attack: a record is a member if it is classified correctly."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from privprune.attacks.membership.evidence import Evidence, Outputs
from privprune.attacks.membership.method import MembershipAttack
from privprune.attacks.membership.thresholds import as_scores
from privprune.metrics.membership import Scores


@dataclass(frozen=True)
class GapSettings:
    """The gap attack has no settings."""


class GapAttack:
    """Yeom et al. 2018 (arXiv 1709.01604), 0/1 loss: balanced accuracy is (1 + train accuracy - test accuracy) / 2."""

    def __init__(self, settings: GapSettings) -> None:
        self.settings = settings

    def __call__(self, evidence: Evidence, generator: torch.Generator) -> Scores:
        """Attack one target; neither known records nor randomness are used."""
        return as_scores(_correct(evidence.evaluation_members), _correct(evidence.evaluation_nonmembers), 0.5)


def _correct(outputs: Outputs) -> Tensor:
    """1 where the predicted class is the true one, else 0; float64 [n]."""
    return (outputs.logits.argmax(1) == outputs.labels).double()


METHOD = MembershipAttack(name="gap", settings=GapSettings, attack=GapAttack, examples=({"attack": "gap"},))
