"""The loss attack: a record is a member if its loss is low."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from privprune.attacks.membership.evidence import Evidence, Outputs
from privprune.attacks.membership.signals import log_confidence
from privprune.attacks.membership.thresholds import judged, scored
from privprune.metrics.membership import Scores


@dataclass(frozen=True)
class LossSettings:
    """Settings of the loss attack.

    Attributes:
        threshold: `mean_member_loss`, the mean loss of training records (usual
            since Yeom et al. 2018), or `calibrated`, the most accurate one on the known records.

    """

    threshold: Literal["mean_member_loss", "calibrated"]


class LossAttack:
    """Yeom et al. 2018 (arXiv 1709.01604): score = -cross-entropy."""

    def __init__(self, settings: LossSettings) -> None:
        self.settings = settings

    def __call__(self, evidence: Evidence, generator: torch.Generator) -> Scores:
        """Attack one target; no randomness is used."""
        if self.settings.threshold == "calibrated":
            return judged(_negative_loss, evidence)
        threshold = float(_negative_loss(evidence.known_members).mean())
        members, nonmembers = evidence.evaluation_members, evidence.evaluation_nonmembers
        return scored(_negative_loss(members), _negative_loss(nonmembers), threshold)


def _negative_loss(outputs: Outputs) -> Tensor:
    return log_confidence(outputs.logits, outputs.labels)
