"""The attack of MIA-Pruning's CIFAR-10 CNN row: one small network per class, on the posteriors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (the name that everybody knows it by)
from torch import Tensor, nn

from privprune.attacks.membership.evidence import Evidence, Outputs
from privprune.attacks.membership.thresholds import scored
from privprune.metrics.membership import Scores
from privprune.models.nasr import MemberLinear
from privprune.settings import AtLeastOne, Positive
from privprune.training.optimisers import Adam


@dataclass(frozen=True)
class RahmanSettings:
    """Settings of Rahman's attack.

    Attributes:
        order: of a record's posteriors: `sorted` from high to low, or by `class`.
        hidden: units of the one hidden layer; 64 in Shokri et al. 2017.
        steps: of Adam, each on all known records.
        learning_rate: of Adam.

    """

    order: Literal["sorted", "class"]
    hidden: AtLeastOne
    steps: AtLeastOne
    learning_rate: Positive


class RahmanAttack:
    """After Rahman et al. 2018 (Transactions on Data Privacy 11(1)), used for one row of MIA-Pruning's table 2.

    Their paper was not at hand; this is the attack of Shokri et al. 2017 (arXiv 1610.05820) that it is said to
    follow: for each true class, a network with one hidden layer reads the posteriors. Ours: it is trained
    on the known records of the target, as every attack of MIA-Pruning is (Shokri et al. take shadow models); sorted
    posteriors; training on all records at once, members and non-members of a class weighted to the expected odds; a
    class without known members or without known non-members is left undecided (score 0).
    """

    def __init__(self, settings: RahmanSettings) -> None:
        self.settings = settings

    def __call__(self, evidence: Evidence, generator: torch.Generator) -> Scores:
        """Attack one target; the generator draws the first weights."""
        members, nonmembers = evidence.known_members, evidence.known_nonmembers
        classes = members.logits.shape[1]
        known = [self._seen(members), self._seen(nonmembers)]
        weights = _weights(members.labels, nonmembers.labels, evidence.odds, classes)
        network = self._network(classes, generator).to(members.logits.device)
        optimiser = Adam(network.parameters(), lr=self.settings.learning_rate)
        for _ in range(self.settings.steps):
            losses = [F.softplus(-known[0].judged_by(network)), F.softplus(known[1].judged_by(network))]
            optimiser.zero_grad()
            ((weights[0] * losses[0]).sum() + (weights[1] * losses[1]).sum()).backward()
            optimiser.step()
        decided = weights[0].new_zeros(classes).scatter_add(0, members.labels, weights[0]) > 0
        with torch.no_grad():
            judged = [
                self._seen(pool).judged_by(network) * decided[pool.labels]
                for pool in (evidence.evaluation_members, evidence.evaluation_nonmembers)
            ]
        return scored(judged[0], judged[1], 0.0)

    def _network(self, classes: int, generator: torch.Generator) -> nn.Sequential:
        """One network per class, side by side: [classes, records, classes] to [classes, records, 1]."""
        generators = [generator] * classes  # one after the other from the same source
        hidden = self.settings.hidden
        return nn.Sequential(MemberLinear(classes, hidden, generators), nn.ReLU(), MemberLinear(hidden, 1, generators))

    def _seen(self, outputs: Outputs) -> _ByClass:
        posteriors = outputs.logits.float().softmax(1)
        if self.settings.order == "sorted":
            posteriors = posteriors.sort(1, descending=True).values
        return _ByClass.of(posteriors, outputs.labels)


@dataclass(frozen=True)
class _ByClass:
    """Records laid out class by class, so that all classes' networks run in one product.

    Attributes:
        posteriors: [classes, most records of a class, classes], rows beyond a class's records are 0.
        labels, slots: [n], where each record lies.

    """

    posteriors: Tensor
    labels: Tensor
    slots: Tensor

    @classmethod
    def of(cls, posteriors: Tensor, labels: Tensor) -> _ByClass:
        classes = posteriors.shape[1]
        counts = torch.bincount(labels, minlength=classes)
        order = labels.argsort(stable=True)
        slots = torch.empty_like(labels)
        slots[order] = torch.arange(len(labels), device=labels.device) - (counts.cumsum(0) - counts)[labels[order]]
        laid_out = posteriors.new_zeros(classes, int(counts.max()), classes)
        laid_out[labels, slots] = posteriors
        return cls(laid_out, labels, slots)

    def judged_by(self, network: nn.Module) -> Tensor:
        """Log-odds of membership of each record by its own class's network, [n]."""
        judged: Tensor = network(self.posteriors)[self.labels, self.slots, 0]
        return judged


def _weights(members: Tensor, nonmembers: Tensor, odds: float, classes: int) -> tuple[Tensor, Tensor]:
    """Weight of each known record in the loss: in each class, members weigh `odds` times as much as non-members.

    Args:
        members: true classes, int64 [n].
        nonmembers: the same, [m].
        odds: members per non-member.
        classes: number of classes.

    Returns:
        float [n] and [m], 0 in a class that lacks members or non-members.

    """
    counts = [torch.bincount(labels, minlength=classes) for labels in (members, nonmembers)]
    decided = (counts[0] > 0) & (counts[1] > 0)
    shares = (odds / (1 + odds), 1 / (1 + odds))
    per_class = [decided * share / count.clamp(min=1) for share, count in zip(shares, counts, strict=True)]
    return per_class[0][members], per_class[1][nonmembers]
