"""The confidence attack: a record is a member if the posterior of its true class is high."""

from __future__ import annotations

from torch import Tensor

from privprune.attacks.membership.evidence import Outputs
from privprune.attacks.membership.signals import scaled_confidence
from privprune.attacks.membership.thresholds import ThresholdAttack


class ConfidenceAttack(ThresholdAttack):
    """Song and Mittal 2021 (arXiv 2003.10595), "prediction confidence".

    The posterior p is replaced by log(p / (1 - p)), which orders records alike and keeps apart those near 1.
    """

    def signal(self, outputs: Outputs) -> Tensor:
        """Logit-scaled confidence in the true class, float64 [n]."""
        return scaled_confidence(outputs.logits, outputs.labels)
