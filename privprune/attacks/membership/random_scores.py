"""Random scores: a control that knows nothing; every measure of it must be that of guessing."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from privprune.attacks.membership.evidence import Evidence, Outputs
from privprune.attacks.membership.method import MembershipAttack
from privprune.attacks.membership.thresholds import as_scores
from privprune.metrics.membership import Scores


@dataclass(frozen=True)
class RandomScoresSettings:
    """The control has no settings."""


class RandomScores:
    """Score each record by a draw from U(-1, 1), whatever the target answers."""

    def __init__(self, settings: RandomScoresSettings) -> None:
        self.settings = settings

    def __call__(self, evidence: Evidence, generator: torch.Generator) -> Scores:
        """Score one target's records; the generator draws the scores."""

        def drawn(outputs: Outputs) -> torch.Tensor:
            return 2 * torch.rand(len(outputs), generator=generator, dtype=torch.float64) - 1

        return as_scores(drawn(evidence.evaluation_members), drawn(evidence.evaluation_nonmembers), 0.0)


METHOD = MembershipAttack(
    name="random_scores",
    settings=RandomScoresSettings,
    attack=RandomScores,
    control=True,
    examples=({"attack": "random_scores"},),
)
