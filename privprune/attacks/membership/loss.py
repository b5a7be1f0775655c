"""The loss attack: the lower its loss, the more likely a record is a member."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from privprune.attacks.membership.evidence import Evidence, Outputs
from privprune.attacks.membership.method import MembershipAttack
from privprune.attacks.membership.signals import log_confidence
from privprune.attacks.membership.thresholds import as_scores, score_with_threshold
from privprune.metrics.membership import Scores


@dataclass(frozen=True)
class LossSettings:
    """Settings of the loss attack.

    Attributes:
        threshold: `mean_member_loss`, the mean loss of the known members (usual since Yeom et al. 2018), or
            `calibrated`, the threshold of the highest accuracy on the known records.

    """

    threshold: Literal["mean_member_loss", "calibrated"]


class LossAttack:
    """Yeom et al. 2018 (arXiv 1709.01604): the score is the negative cross-entropy."""

    def __init__(self, settings: LossSettings) -> None:
        self.settings = settings

    def __call__(self, evidence: Evidence, generator: torch.Generator) -> Scores:
        """Attack one target; no randomness is used."""
        if self.settings.threshold == "calibrated":
            return score_with_threshold(_negative_loss, evidence)
        threshold = float(_negative_loss(evidence.known_members).mean())
        members, nonmembers = evidence.evaluation_members, evidence.evaluation_nonmembers
        return as_scores(_negative_loss(members), _negative_loss(nonmembers), threshold)


def _negative_loss(outputs: Outputs) -> Tensor:
    """Negative cross-entropy of each record, float64 [n]."""
    return log_confidence(outputs.logits, outputs.labels)


METHOD = MembershipAttack(
    name="loss",
    settings=LossSettings,
    attack=LossAttack,
    examples=(
        {"attack": "loss", "threshold": "mean_member_loss"},
        {"attack": "loss", "threshold": "calibrated"},
    ),
)
