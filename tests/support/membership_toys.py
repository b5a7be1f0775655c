"""Targets whose leakage is known: one memorises, one treats members and non-members alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from privprune.attacks.membership import Evidence, Outputs, evidence_about
from privprune.attacks.membership.view import View

CLASSES = 10
MODELS = 13  # the target and 12 shadows


@dataclass(frozen=True)
class Split:
    known_members: Tensor
    known_nonmembers: Tensor
    evaluation_members: Tensor
    evaluation_nonmembers: Tensor


def simulated(leak: float, records: int, seed: int, views: Iterable[View] = (), *, companion: bool = False) -> Evidence:
    """Return the evidence about a target with 12 shadows, each trained on its half of the records.

    The true class's logit is normal around the record's own difficulty, higher by `leak` for a model that was
    trained on the record; the other classes' logits are standard normal. The answers to `views` are those to the
    record itself with a little noise. A `companion` was trained on the records of the target and leaks as much.
    """
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (records,), generator=draw)
    members = torch.rand(MODELS, records, generator=draw) < 0.5
    members[0] = torch.arange(records) % 2 == 0
    logits = torch.randn(MODELS, records, CLASSES, generator=draw)
    true_class = torch.randn(records, generator=draw) * 0.5 + leak * members
    logits.scatter_add_(2, labels.expand(MODELS, -1)[..., None], true_class[..., None])
    evidence = evidence_about(0, logits, labels, split(records), members, population(records))
    answers = {view: logits + 0.3 * torch.randn(logits.shape, generator=draw) for view in views}
    other = None
    if companion:
        other = torch.randn(records, CLASSES, generator=draw).scatter_add_(1, labels[:, None], true_class[0][:, None])
    return with_answers(evidence, answers, other)


def with_answers(evidence: Evidence, answers: Mapping[View, Tensor], companion: Tensor | None) -> Evidence:
    """Return the evidence with answers to changed records.

    Args:
        evidence: about a target.
        answers: view -> float [1 + K, N, classes], answers of the target and of K shadows to all N records.
        companion: float [N, classes], answers of another network to the records as they are; or None.

    """

    def of(outputs: Outputs) -> Outputs:
        own = {view: logits[0, outputs.positions] for view, logits in answers.items()}
        return replace(outputs, views=own, companion=None if companion is None else companion[outputs.positions])

    shadows = evidence.shadows
    if shadows is not None:
        shadows = replace(shadows, views={view: list(logits[1:]) for view, logits in answers.items()})
    return replace(
        evidence,
        known_members=of(evidence.known_members),
        known_nonmembers=of(evidence.known_nonmembers),
        evaluation_members=of(evidence.evaluation_members),
        evaluation_nonmembers=of(evidence.evaluation_nonmembers),
        shadows=shadows,
    )


def split(records: int) -> Split:
    """Even records are members; the first third is known, the last fifth is the population, the rest for evaluation."""
    every = torch.arange(records)
    known, evaluation = every < records // 3, (every >= records // 3) & (every < records * 8 // 10)
    even = every % 2 == 0
    return Split(every[known & even], every[known & ~even], every[evaluation & even], every[evaluation & ~even])


def population(records: int) -> Tensor:
    """Return non-members of the target that are in no part of its split, int64 [n]."""
    rest = torch.arange(records * 8 // 10, records)
    return rest[rest % 2 == 1]
