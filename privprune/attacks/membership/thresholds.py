"""Where to draw the line between members and non-members, from records whose membership the attacker knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from privprune.attacks.membership.evidence import Evidence, Outputs
from privprune.metrics.membership import Scores

Signal = Callable[[Outputs], Tensor]  # records -> float64 [n], higher = rather a member


@dataclass(frozen=True)
class ThresholdSettings:
    """Settings of an attack that compares a signal with a threshold.

    Attributes:
        thresholds: one for all records, or one per true class (Song and Mittal 2021, arXiv 2003.10595).

    """

    thresholds: Literal["global", "per_class"]


def best_threshold(members: Tensor, nonmembers: Tensor, odds: float) -> float:
    """Threshold of the highest accuracy where there are `odds` members per non-member; 1 is balanced accuracy.

    Every observed signal is tried, as Song and Mittal do; the threshold is then moved half-way to the next lower
    signal (ours), so that it favours neither side. The highest of several equally good ones is taken.

    Args:
        members: float64 [n], signals of known members.
        nonmembers: float64 [m].
        odds: members per non-member.

    """
    signals = torch.unique(torch.cat([members, nonmembers]))  # ascending
    below = torch.searchsorted(members.sort().values, signals)
    accepted = 1 - below.double() / len(members)
    refused = torch.searchsorted(nonmembers.sort().values, signals).double() / len(nonmembers)
    gains = odds * accepted + refused
    best = len(gains) - 1 - int(gains.flip(0).argmax())
    if gains[best] < 1:  # few members expected: better to accuse nobody
        return torch.inf
    upper, lower = float(signals[best]), float(signals[max(best - 1, 0)])
    middle = lower + (upper - lower) / 2
    return middle if middle > lower else upper


def judged(signal: Signal, evidence: Evidence) -> Scores:
    """Score the evaluation records by a signal, with one threshold from the known records."""
    threshold = best_threshold(signal(evidence.known_members), signal(evidence.known_nonmembers), evidence.odds)
    return scored(signal(evidence.evaluation_members), signal(evidence.evaluation_nonmembers), threshold)


def judged_per_class(signal: Signal, evidence: Evidence) -> Scores:
    """Score the evaluation records by the distance of a signal from the threshold of the record's class.

    A class without known members or without known non-members takes the threshold of all records together.
    """
    members, nonmembers = signal(evidence.known_members), signal(evidence.known_nonmembers)
    classes = evidence.known_members.logits.shape[1]
    lines = members.new_full((classes,), best_threshold(members, nonmembers, evidence.odds))
    for label in range(classes):
        own = members[evidence.known_members.labels == label]
        other = nonmembers[evidence.known_nonmembers.labels == label]
        if len(own) and len(other):
            lines[label] = best_threshold(own, other, evidence.odds)

    def distance(outputs: Outputs) -> Tensor:
        return signal(outputs) - lines[outputs.labels]

    return scored(distance(evidence.evaluation_members), distance(evidence.evaluation_nonmembers), 0.0)


def scored(
    members: Tensor, nonmembers: Tensor, threshold: float, history: dict[str, list[float]] | None = None
) -> Scores:
    """Hand tensors of scores over to the metrics."""
    parts = [part.double().cpu().numpy() for part in (members, nonmembers)]
    return Scores(parts[0], parts[1], threshold, history or {})


class ThresholdAttack:
    """Attack that compares one signal with a threshold; a subclass says which signal."""

    def __init__(self, settings: ThresholdSettings) -> None:
        self.settings = settings

    def signal(self, outputs: Outputs) -> Tensor:
        """Say how much each record looks like a member, float64 [n]."""
        raise NotImplementedError

    def __call__(self, evidence: Evidence, generator: torch.Generator) -> Scores:
        """Attack one target; no randomness is used."""
        judge = judged_per_class if self.settings.thresholds == "per_class" else judged
        return judge(self.signal, evidence)
