"""The interface of every membership attack: settings in the constructor, data in the call, scores out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import torch

from privprune.attacks.membership.evidence import Evidence
from privprune.checkpoints.store import NONE, Checkpoints
from privprune.metrics.membership import Scores


class Attack(Protocol):
    """A membership attack with its settings, ready to run against any target."""

    def __call__(self, evidence: Evidence, generator: torch.Generator) -> Scores:
        """Score the evaluation records of one target; the generator is the only source of randomness."""
        ...


@runtime_checkable
class TrainsTogether(Protocol):
    """An attack that can train its networks against several targets at the same time, stacked."""

    def many(
        self, evidences: Sequence[Evidence], generators: Sequence[torch.Generator], checkpoints: Checkpoints
    ) -> list[Scores]:
        """Score the evaluation records of each target; the scores are those of one call per target."""
        ...


def attack_each(
    attack: Attack,
    evidences: Sequence[Evidence],
    generators: Sequence[torch.Generator],
    checkpoints: Checkpoints = NONE,
) -> list[Scores]:
    """Run an attack against several targets, at the same time if it can train against them together.

    Args:
        attack: the attack.
        evidences: one per target.
        generators: one per target.
        checkpoints: where an attack that trains saves its state.

    Returns:
        one per target; they say which records they are of.

    """
    if isinstance(attack, TrainsTogether):
        found = attack.many(evidences, generators, checkpoints)
    else:
        found = [attack(evidence, generator) for evidence, generator in zip(evidences, generators, strict=True)]
    return [_with_records(scores, evidence) for scores, evidence in zip(found, evidences, strict=True)]


def _with_records(scores: Scores, evidence: Evidence) -> Scores:
    """Add to scores which records they are of: their positions in the dataset."""
    members, nonmembers = evidence.evaluation_members.positions, evidence.evaluation_nonmembers.positions
    return replace(scores, records=(members.cpu().numpy(), nonmembers.cpu().numpy()))
