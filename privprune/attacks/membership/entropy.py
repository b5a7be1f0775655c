"""The entropy attack: the lower the entropy of its posteriors, the more likely a record is a member."""

from __future__ import annotations

from torch import Tensor

from privprune.attacks.membership.evidence import Outputs
from privprune.attacks.membership.method import MembershipAttack
from privprune.attacks.membership.signals import log_posteriors
from privprune.attacks.membership.thresholds import ThresholdAttack, ThresholdSettings


class EntropyAttack(ThresholdAttack):
    """Song and Mittal 2021 (arXiv 2003.10595), "prediction entropy", after Shokri et al. 2017."""

    def signal(self, outputs: Outputs) -> Tensor:
        """Negative entropy: sum over classes of p_i log p_i, float64 [n]."""
        logs = log_posteriors(outputs.logits)
        return (logs.exp() * logs).sum(1)


METHOD = MembershipAttack(
    name="entropy",
    settings=ThresholdSettings,
    attack=EntropyAttack,
    examples=({"attack": "entropy", "thresholds": "per_class"},),
)
