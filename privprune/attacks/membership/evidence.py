"""What a membership attacker sees about one target model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from privprune.attacks.membership.signals import scaled_confidence
from privprune.errors import UserError


@dataclass(frozen=True)
class Outputs:
    """A target's answers on some records: evaluation mode, no augmentation, one preprocessing for all.

    Attributes:
        logits: float [n, classes].
        labels: int64 [n], the true classes.
        positions: int64 [n], each record's column in `Shadows`.

    """

    logits: Tensor
    labels: Tensor
    positions: Tensor

    def __len__(self) -> int:
        """Count the records."""
        return len(self.labels)

    def take(self, rows: Tensor) -> Outputs:
        """Keep the records at these rows, int64 [k]."""
        rows = rows.to(self.labels.device)
        return Outputs(self.logits[rows], self.labels[rows], self.positions[rows])


@dataclass(frozen=True)
class Shadows:
    """K models that were trained as the target was, its defence included, asked about all N records of the pool.

    Attributes:
        logits: K tensors, float [N, classes].
        labels: int64 [N], the true classes.
        members: bool [K, N], whether the shadow was trained on the record.

    """

    logits: Sequence[Tensor]
    labels: Tensor
    members: Tensor

    @cached_property
    def confidences(self) -> Tensor:
        """Logit-scaled confidence log(p / (1 - p)) in the true class, float64 [K, N]."""
        return torch.stack([scaled_confidence(logits, self.labels) for logits in self.logits])


@dataclass(frozen=True)
class Evidence:
    """All that the attacker has: answers about records whose membership he knows, and about those he judges.

    Attributes:
        known_members, known_nonmembers: he knows that these were, or were not, trained on.
        evaluation_members, evaluation_nonmembers: he is judged on these; no attack may set its threshold by them.
        population: other records that the target was not trained on, for RMIA; None where there are none.
        shadows: None where there are none.
        odds: members per non-member that he expects, in training as in judgement; 1 is the balanced case.

    """

    known_members: Outputs
    known_nonmembers: Outputs
    evaluation_members: Outputs
    evaluation_nonmembers: Outputs
    population: Outputs | None
    shadows: Shadows | None
    odds: float

    def needed_shadows(self, attack: str) -> Shadows:
        """Return the shadows.

        Raises:
            UserError: there are none.

        """
        if self.shadows is None:
            raise UserError(f"attack {attack}: found no shadow models of the target, allowed a target that has some")
        return self.shadows


class Pools(Protocol):
    """The part of a split that an attack uses: positions of records, int64 [n] each."""

    @property
    def known_members(self) -> Tensor: ...  # noqa: D102
    @property
    def known_nonmembers(self) -> Tensor: ...  # noqa: D102
    @property
    def evaluation_members(self) -> Tensor: ...  # noqa: D102
    @property
    def evaluation_nonmembers(self) -> Tensor: ...  # noqa: D102


def evidence_about(
    target: int, logits: Tensor, labels: Tensor, split: Pools, members: Tensor | None, population: Tensor | None
) -> Evidence:
    """Gather the evidence about one of M models, at balanced odds.

    Args:
        target: the model that is attacked, 0..M-1.
        logits: float [M, N, classes], every model's answers on all N records.
        labels: int64 [N].
        split: the target's pools, positions into N.
        members: bool [M, N], which model was trained on which record; all models but the target become shadows.
            None: the attacker has no shadows (as in MIA-Pruning).
        population: int64 [z], positions of records that the target was not trained on, in no pool above; or None.

    """
    answers = Outputs(logits[target], labels, torch.arange(len(labels), device=labels.device))
    shadows = None
    if members is not None and len(logits) > 1:
        others = [model for model in range(len(logits)) if model != target]
        shadows = Shadows([logits[model] for model in others], labels, members[others])
    return Evidence(
        known_members=answers.take(split.known_members),
        known_nonmembers=answers.take(split.known_nonmembers),
        evaluation_members=answers.take(split.evaluation_members),
        evaluation_nonmembers=answers.take(split.evaluation_nonmembers),
        population=None if population is None else answers.take(population),
        shadows=shadows,
        odds=1.0,  # as Nasr et al. judge: as many members as non-members
    )


def evidence_from_halves(members: Outputs, nonmembers: Outputs) -> Evidence:
    """Let the attacker know every second record and judge him on the rest, as a defender does who plays attacker.

    This serves the choice of sparsity in MIA-Pruning's Algorithm 1 by the gain on the selection records.
    """
    halves = [pool.take(torch.arange(first, len(pool), 2)) for pool in (members, nonmembers) for first in (0, 1)]
    return Evidence(halves[0], halves[2], halves[1], halves[3], population=None, shadows=None, odds=1.0)
