"""The modified entropy attack: a low entropy indicates a member only if the likeliest class is the true one."""

from __future__ import annotations

from torch import Tensor

from privprune.attacks.membership.evidence import Outputs
from privprune.attacks.membership.method import MembershipAttack
from privprune.attacks.membership.signals import log_complements, log_posteriors
from privprune.attacks.membership.thresholds import ThresholdAttack, ThresholdSettings


class ModifiedEntropyAttack(ThresholdAttack):
    """Song and Mittal 2021 (arXiv 2003.10595), "modified prediction entropy"."""

    def signal(self, outputs: Outputs) -> Tensor:
        """Negative modified entropy: (1 - p_y) log p_y + sum over i != y of p_i log(1 - p_i), float64 [n]."""
        labels = outputs.labels[:, None]
        logs, complements = log_posteriors(outputs.logits), log_complements(outputs.logits)
        true_class = complements.gather(1, labels).exp() * logs.gather(1, labels)
        other_classes = (logs.exp() * complements).scatter(1, labels, 0).sum(1)
        return true_class[:, 0] + other_classes


METHOD = MembershipAttack(
    name="modified_entropy",
    settings=ThresholdSettings,
    attack=ModifiedEntropyAttack,
    examples=(
        {"attack": "modified_entropy", "thresholds": "global"},
        {"attack": "modified_entropy", "thresholds": "per_class"},
    ),
)
