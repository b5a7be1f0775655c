"""The confidence attack: the higher the posterior of its true class, the more likely a record is a member."""

from __future__ import annotations

from torch import Tensor

from privprune.attacks.membership.evidence import Outputs
from privprune.attacks.membership.method import MembershipAttack
from privprune.attacks.membership.signals import scaled_confidence
from privprune.attacks.membership.thresholds import ThresholdAttack, ThresholdSettings


class ConfidenceAttack(ThresholdAttack):
    """Song and Mittal 2021 (arXiv 2003.10595), "prediction confidence".

    The posterior p is replaced by log(p / (1 - p)), which orders records in the same way and still separates records
    whose p rounds to 1.
    """

    def signal(self, outputs: Outputs) -> Tensor:
        """Logit-scaled confidence in the true class, float64 [n]."""
        return scaled_confidence(outputs.logits, outputs.labels)


METHOD = MembershipAttack(
    name="confidence",
    settings=ThresholdSettings,
    attack=ConfidenceAttack,
    examples=(
        {"attack": "confidence", "thresholds": "global"},
        {"attack": "confidence", "thresholds": "per_class"},
    ),
)
