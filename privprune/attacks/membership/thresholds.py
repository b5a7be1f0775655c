"""Thresholds between members and non-members, set by the records whose membership the attacker knows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from privprune.attacks.membership.evidence import Evidence, Outputs
from privprune.metrics.membership import Scores

Signal = Callable[[Outputs], Tensor]  # outputs on n records -> float64 [n]; a higher value indicates a member


@dataclass(frozen=True)
class ThresholdSettings:
    """Settings of an attack that compares a signal with a threshold.

    Attributes:
        thresholds: one for all records, or one per true class (Song and Mittal 2021, arXiv 2003.10595).

    """

    thresholds: Literal["global", "per_class"]


def best_threshold(members: Tensor, nonmembers: Tensor, odds: float) -> float:
    """Return the threshold of the highest accuracy at `odds` members per non-member; 1 is balanced accuracy.

    Every observed signal is a candidate, as in Song and Mittal; the chosen one is then moved half-way to the next
    lower signal (our addition), so that it favours neither side. Of several equally accurate candidates the highest is
    taken. Where no candidate beats the answer "no member" for all records, the threshold is infinite.

    Args:
        members: float64 [n], signals of known members.
        nonmembers: float64 [m], signals of known non-members.
        odds: members per non-member.

    """
    signals = torch.unique(torch.cat([members, nonmembers]))  # ascending
    below = torch.searchsorted(members.sort().values, signals)
    accepted = 1 - below.double() / len(members)
    refused = torch.searchsorted(nonmembers.sort().values, signals).double() / len(nonmembers)
    gains = odds * accepted + refused
    best = len(gains) - 1 - int(gains.flip(0).argmax())
    if gains[best] < 1:  # members are so rare that classifying no record as a member is the most accurate
        return torch.inf
    upper, lower = float(signals[best]), float(signals[max(best - 1, 0)])
    middle = lower + (upper - lower) / 2
    return middle if middle > lower else upper


def score_with_threshold(signal: Signal, evidence: Evidence) -> Scores:
    """Score the evaluation records by a signal, with one threshold from the known records."""
    threshold = best_threshold(signal(evidence.known_members), signal(evidence.known_nonmembers), evidence.odds)
    return as_scores(signal(evidence.evaluation_members), signal(evidence.evaluation_nonmembers), threshold)


def score_with_class_thresholds(signal: Signal, evidence: Evidence) -> Scores:
    """Score the evaluation records by their signal minus the threshold of their class.

    A class without known members or without known non-members uses the threshold of all known records together.
    """
    members, nonmembers = signal(evidence.known_members), signal(evidence.known_nonmembers)
    classes = evidence.known_members.logits.shape[1]
    thresholds = members.new_full((classes,), best_threshold(members, nonmembers, evidence.odds))
    for label in range(classes):
        class_members = members[evidence.known_members.labels == label]
        class_nonmembers = nonmembers[evidence.known_nonmembers.labels == label]
        if len(class_members) and len(class_nonmembers):
            thresholds[label] = best_threshold(class_members, class_nonmembers, evidence.odds)

    def distance(outputs: Outputs) -> Tensor:
        return signal(outputs) - thresholds[outputs.labels]

    return as_scores(distance(evidence.evaluation_members), distance(evidence.evaluation_nonmembers), 0.0)


def as_scores(
    members: Tensor, nonmembers: Tensor, threshold: float, history: dict[str, list[float]] | None = None
) -> Scores:
    """Convert scores of members [n] and non-members [m] from tensors to the arrays that the metrics take."""
    parts = [part.double().cpu().numpy() for part in (members, nonmembers)]
    return Scores(parts[0], parts[1], threshold, history or {})


class ThresholdAttack(ABC):
    """Base class of attacks that compare one signal with a threshold; a subclass defines the signal."""

    def __init__(self, settings: ThresholdSettings) -> None:
        self.settings = settings

    @abstractmethod
    def signal(self, outputs: Outputs) -> Tensor:
        """Return float64 [n] for n records; a higher value indicates a member."""

    def __call__(self, evidence: Evidence, generator: torch.Generator) -> Scores:
        """Attack one target; no randomness is used."""
        per_class = self.settings.thresholds == "per_class"
        return (score_with_class_thresholds if per_class else score_with_threshold)(self.signal, evidence)
