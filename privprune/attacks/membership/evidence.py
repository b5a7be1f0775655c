"""What a membership attack may use about one target model: its outputs, known records and shadow models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from privprune.attacks.membership.signals import scaled_confidence
from privprune.attacks.membership.view import View
from privprune.errors import UserError


@dataclass(frozen=True)
class Outputs:
    """A target's outputs on n records, in evaluation mode and without augmentation.

    Attributes:
        logits: float [n, classes].
        labels: int64 [n], the true classes.
        positions: int64 [n], the column of each record in `Shadows`.
        views: float [n, classes] each, the answers to changed records; only those that an attack asked for. The stage
            gives them as float16 and each row minus its largest logit, which leaves the posteriors as they are.
        companion: float [n, classes], outputs of a second network that was released together with the target, such as
            the dense network behind a pruned one; None where there is none.

    """

    logits: Tensor
    labels: Tensor
    positions: Tensor
    views: Mapping[View, Tensor] = field(default_factory=dict)
    companion: Tensor | None = None

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.labels)

    def take(self, rows: Tensor) -> Outputs:
        """Return the outputs on the records at these rows, int64 [k]."""
        rows = rows.to(self.labels.device)
        return Outputs(
            logits=self.logits[rows],
            labels=self.labels[rows],
            positions=self.positions[rows],
            views={view: logits[rows] for view, logits in self.views.items()},
            companion=None if self.companion is None else self.companion[rows],
        )

    def followed_by(self, others: Outputs) -> Outputs:
        """Return the outputs on these records and then on others, which have the same views and a companion or none."""
        both = (self.companion, others.companion)
        companion = None if both[0] is None or both[1] is None else torch.cat([both[0], both[1]])
        return Outputs(
            logits=torch.cat([self.logits, others.logits]),
            labels=torch.cat([self.labels, others.labels]),
            positions=torch.cat([self.positions, others.positions]),
            views={view: torch.cat([logits, others.views[view]]) for view, logits in self.views.items()},
            companion=companion,
        )


@dataclass(frozen=True)
class Shadows:
    """Outputs of K shadow models, trained like the target (with its defence), on all N records of the dataset.

    Attributes:
        logits: K tensors, float [N, classes].
        labels: int64 [N], the true classes.
        members: bool [K, N], whether the shadow model was trained on the record.
        views: K tensors each, float [N, classes], the answers to changed records; only those that an attack asked for,
            in the form of `Outputs.views`.

    """

    logits: Sequence[Tensor]
    labels: Tensor
    members: Tensor
    views: Mapping[View, Sequence[Tensor]] = field(default_factory=dict)

    @cached_property
    def confidences(self) -> Tensor:
        """Logit-scaled confidence log(p / (1 - p)) in the true class, float64 [K, N]."""
        return torch.stack([scaled_confidence(logits, self.labels) for logits in self.logits])


@dataclass(frozen=True)
class Evidence:
    """All that an attack may use: outputs on records of known membership, and on the records to classify.

    Attributes:
        known_members, known_nonmembers: the attacker knows that the target was, or was not, trained on these.
        evaluation_members, evaluation_nonmembers: the attack is scored on these and must not set its threshold by them.
        population: other records that the target was not trained on, for RMIA; None where there are none.
        shadows: outputs of shadow models; None where there are none.
        odds: members per non-member, among the evaluation records as in the attack's own training; 1 is balanced.
        selection_members, selection_nonmembers: on these attacks are compared with each other, such as for the choice
            of the strongest one; no result is measured on them, and no attack learns from them. None where there are
            none.
        judged: how many evaluation members and non-members, the first ones, results are measured on; None for all. The
            others are selection records, see `with_selection`.

    """

    known_members: Outputs
    known_nonmembers: Outputs
    evaluation_members: Outputs
    evaluation_nonmembers: Outputs
    population: Outputs | None
    shadows: Shadows | None
    odds: float
    selection_members: Outputs | None = None
    selection_nonmembers: Outputs | None = None
    judged: tuple[int, int] | None = None

    def with_selection(self) -> Evidence:
        """Return evidence whose evaluation records are followed by the selection records, so that both are scored."""
        if self.selection_members is None or self.selection_nonmembers is None:
            return self
        return replace(
            self,
            evaluation_members=self.evaluation_members.followed_by(self.selection_members),
            evaluation_nonmembers=self.evaluation_nonmembers.followed_by(self.selection_nonmembers),
            selection_members=None,
            selection_nonmembers=None,
            judged=(len(self.evaluation_members), len(self.evaluation_nonmembers)),
        )

    @property
    def judged_members(self) -> Outputs:
        """The evaluation members on which results are measured."""
        count = len(self.evaluation_members) if self.judged is None else self.judged[0]
        return self.evaluation_members.take(torch.arange(count))

    @property
    def judged_nonmembers(self) -> Outputs:
        """The evaluation non-members on which results are measured."""
        count = len(self.evaluation_nonmembers) if self.judged is None else self.judged[1]
        return self.evaluation_nonmembers.take(torch.arange(count))

    def required_shadows(self, attack: str) -> Shadows:
        """Return the shadow models' outputs for an attack, whose name is for the message.

        Raises:
            UserError: there are no shadow models.

        """
        if self.shadows is None:
            raise UserError(f"attack {attack}: found no shadow models of the target, allowed a target that has some")
        return self.shadows


class MembershipSplit(Protocol):
    """The part of a dataset's split that attacks use: positions of records in the dataset, int64 [n] each."""

    @property
    def known_members(self) -> Tensor: ...  # noqa: D102
    @property
    def known_nonmembers(self) -> Tensor: ...  # noqa: D102
    @property
    def evaluation_members(self) -> Tensor: ...  # noqa: D102
    @property
    def evaluation_nonmembers(self) -> Tensor: ...  # noqa: D102


def evidence_about(
    target: int,
    logits: Tensor,
    labels: Tensor,
    split: MembershipSplit,
    members: Tensor | None,
    population: Tensor | None,
) -> Evidence:
    """Return the evidence about one of M models, at balanced odds.

    Args:
        target: index of the attacked model, 0..M-1.
        logits: float [M, N, classes], outputs of every model on all N records.
        labels: int64 [N], the true classes.
        split: the target's split, with positions below N.
        members: bool [M, N], which model was trained on which record; all models but the target become shadow models.
            None: the attacker has no shadow models (as in MIA-Pruning).
        population: int64 [z], positions of records that the target was not trained on and that are in no part of the
            split; or None.

    """
    outputs = Outputs(logits[target], labels, torch.arange(len(labels), device=labels.device))
    shadows = None
    if members is not None and len(logits) > 1:
        others = [model for model in range(len(logits)) if model != target]
        shadows = Shadows([logits[model] for model in others], labels, members[others])
    return Evidence(
        known_members=outputs.take(split.known_members),
        known_nonmembers=outputs.take(split.known_nonmembers),
        evaluation_members=outputs.take(split.evaluation_members),
        evaluation_nonmembers=outputs.take(split.evaluation_nonmembers),
        population=None if population is None else outputs.take(population),
        shadows=shadows,
        odds=1.0,  # Nasr et al. evaluate on as many members as non-members
    )


def evidence_from_halves(members: Outputs, nonmembers: Outputs) -> Evidence:
    """Return evidence in which every second record is known and the others are for evaluation, without shadow models.

    A defender can run an attack on its own model with this evidence. The search of MIA-Pruning's Algorithm 1 does so:
    it compares sparsities by the attack's gain on the selection records.
    """
    halves = [
        outputs.take(torch.arange(first, len(outputs), 2)) for outputs in (members, nonmembers) for first in (0, 1)
    ]
    return Evidence(halves[0], halves[2], halves[1], halves[3], population=None, shadows=None, odds=1.0)
