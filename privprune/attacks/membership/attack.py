"""What every membership attack is to its caller: settings in the constructor, data in the call, scores out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch

from privprune.attacks.membership.evidence import Evidence
from privprune.checkpoints.store import NONE, Checkpoints
from privprune.metrics.membership import Scores


class Attack(Protocol):
    """A membership attack on one target."""

    def __call__(self, evidence: Evidence, generator: torch.Generator) -> Scores:
        """Score the evaluation records; the generator is the only source of randomness."""
        ...


@runtime_checkable
class TrainsTogether(Protocol):
    """An attack that can train its networks against several targets side by side."""

    def many(
        self, evidences: Sequence[Evidence], generators: Sequence[torch.Generator], checkpoints: Checkpoints
    ) -> list[Scores]:
        """Score the evaluation records of each target, as one call per target would."""
        ...


def attack_each(
    attack: Attack,
    evidences: Sequence[Evidence],
    generators: Sequence[torch.Generator],
    checkpoints: Checkpoints = NONE,
) -> list[Scores]:
    """Attack several targets, side by side where the attack can."""
    if isinstance(attack, TrainsTogether):
        return attack.many(evidences, generators, checkpoints)
    return [attack(evidence, generator) for evidence, generator in zip(evidences, generators, strict=True)]
