"""A control that never looks at the model: how much more frequent a record's class is among known members."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from privprune.attacks.membership.evidence import Evidence, Outputs
from privprune.attacks.membership.method import MembershipAttack
from privprune.attacks.membership.thresholds import as_scores
from privprune.metrics.membership import Scores
from privprune.settings import Positive


@dataclass(frozen=True)
class LabelWithoutModelSettings:
    """Settings of the control.

    Attributes:
        smoothing: records added to each class on either side, so that an absent class has finite odds; 1 is Laplace's
            rule of succession.

    """

    smoothing: Positive


class LabelWithoutModelAttack:
    """Naive Bayes on the class alone.

    An attack that reads the label can score above one half without the model where the known members and non-members
    differ in their classes. This is what such an attack reaches; one that does no better may not have looked at the
    model. The score is the log-odds of membership given the class; nothing of the model's outputs enters, not even its
    predicted class.
    """

    def __init__(self, settings: LabelWithoutModelSettings) -> None:
        self.settings = settings

    def __call__(self, evidence: Evidence, generator: torch.Generator) -> Scores:
        """Score one target's records; no randomness is used."""
        classes = evidence.known_members.logits.shape[1]
        frequencies = [self._log_frequencies(evidence.known_members, classes)]
        frequencies.append(self._log_frequencies(evidence.known_nonmembers, classes))
        log_odds = frequencies[0] - frequencies[1] + math.log(evidence.odds)
        members, nonmembers = evidence.evaluation_members.labels, evidence.evaluation_nonmembers.labels
        return as_scores(log_odds[members], log_odds[nonmembers], 0.0)

    def _log_frequencies(self, outputs: Outputs, classes: int) -> Tensor:
        """Logarithm of each class's smoothed share, float64 [classes]."""
        counts = torch.bincount(outputs.labels, minlength=classes).double() + self.settings.smoothing
        return (counts / counts.sum()).log()


METHOD = MembershipAttack(
    name="label_without_model",
    settings=LabelWithoutModelSettings,
    attack=LabelWithoutModelAttack,
    control=True,
    examples=({"attack": "label_without_model", "smoothing": 1.0},),
)
