"""RMIA: compare how much the target raises the probability of this record and of records outside its training set."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from privprune.attacks.membership.evidence import Evidence, Outputs, Shadows
from privprune.attacks.membership.method import MembershipAttack
from privprune.attacks.membership.signals import scaled_confidence
from privprune.attacks.membership.thresholds import score_with_threshold
from privprune.errors import UserError
from privprune.metrics.membership import Scores
from privprune.settings import Fraction, Positive


@dataclass(frozen=True)
class RMIASettings:
    """Settings of offline RMIA.

    Attributes:
        a: slope of the approximation p_in = a p_out + (1 - a), which replaces shadow models trained on the record.
        gamma: by what factor the record's ratio must exceed that of the population record.

    """

    a: Fraction
    gamma: Positive


class RMIAAttack:
    """Zarifzadeh et al. 2024 (arXiv 2312.03262), offline, plain softmax.

    Score of x = share of population records z with [p(x|target) / p(x)] / [p(z|target) / p(z)] >= gamma, where
    p(x) = ((1 + a) p_out(x) + 1 - a) / 2 and p_out is the mean over shadow models that were not trained on x.
    """

    def __init__(self, settings: RMIASettings) -> None:
        self.settings = settings

    def __call__(self, evidence: Evidence, generator: torch.Generator) -> Scores:
        """Attack one target; no randomness is used.

        Raises:
            UserError: there are no shadow models or no population records.

        """
        expected = self._expected(evidence.required_shadows("rmia"))
        if evidence.population is None or not len(evidence.population):
            raise UserError("attack rmia: found no population records, allowed a split with some")

        def ratio(outputs: Outputs) -> Tensor:
            return scaled_confidence(outputs.logits, outputs.labels).sigmoid() / expected[outputs.positions]

        population = ratio(evidence.population).sort().values

        def signal(outputs: Outputs) -> Tensor:
            exceeded = torch.searchsorted(population, ratio(outputs) / self.settings.gamma, right=True)
            return exceeded.double() / len(population)

        return score_with_threshold(signal, evidence)

    def _expected(self, shadows: Shadows) -> Tensor:
        """p(x), float64 [N]; a record on which every shadow model was trained gets the mean p_out of all records."""
        posteriors, out = shadows.confidences.sigmoid(), ~shadows.members.to(shadows.confidences.device)
        counts = out.sum(0)
        if not counts.any():
            raise UserError("attack rmia: found shadows trained on every record, allowed shadows without some")
        p_out = torch.where(counts > 0, (posteriors * out).sum(0) / counts.clamp(min=1), posteriors[out].mean())
        a = self.settings.a
        return ((1 + a) * p_out + 1 - a) / 2


METHOD = MembershipAttack(
    name="rmia",
    settings=RMIASettings,
    attack=RMIAAttack,
    needs_shadows=True,
    examples=({"attack": "rmia", "a": 0.3, "gamma": 1.0},),
)
