"""Targets whose leakage is known: one memorises, one treats members and non-members alike."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from privprune.attacks.membership import Evidence, evidence_about

CLASSES = 10
MODELS = 13  # the target and 12 shadows


@dataclass(frozen=True)
class Split:
    known_members: Tensor
    known_nonmembers: Tensor
    evaluation_members: Tensor
    evaluation_nonmembers: Tensor


def simulated(leak: float, records: int, seed: int) -> Evidence:
    """Return the evidence about a target with 12 shadows, each trained on its half of the records.

    The true class's logit is normal around the record's own difficulty, higher by `leak` for a model that was
    trained on the record; the other classes' logits are standard normal.
    """
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (records,), generator=draw)
    members = torch.rand(MODELS, records, generator=draw) < 0.5
    members[0] = torch.arange(records) % 2 == 0
    logits = torch.randn(MODELS, records, CLASSES, generator=draw)
    true_class = torch.randn(records, generator=draw) * 0.5 + leak * members
    logits.scatter_add_(2, labels.expand(MODELS, -1)[..., None], true_class[..., None])
    return evidence_about(0, logits, labels, split(records), members, population(records))


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
