"""The attack of the CIFAR-10 CNN row in MIA-Pruning: one small network per class reads the posteriors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, nn

from privprune.attacks.membership.evidence import Evidence, Outputs
from privprune.attacks.membership.method import MembershipAttack
from privprune.attacks.membership.thresholds import as_scores
from privprune.metrics.membership import Scores
from privprune.models.nasr import MemberLinear
from privprune.settings import AtLeastOne, Positive
from privprune.training.optimisers import Adam


@dataclass(frozen=True)
class RahmanSettings:
    """Settings of Rahman's attack.

    Attributes:
        order: how a record's posteriors enter the network: `sorted` from high to low, or in the order of the `class`.
        hidden: units of the one hidden layer; 64 in Shokri et al. 2017.
        steps: number of Adam steps, each on all known records.
        learning_rate: of Adam.

    """

    order: Literal["sorted", "class"]
    hidden: AtLeastOne
    steps: AtLeastOne
    learning_rate: Positive


class RahmanAttack:
    """After Rahman et al. 2018 (Transactions on Data Privacy 11(1)), used for one row of MIA-Pruning's Table 2.

    We had no access to that paper; this is the attack of Shokri et al. 2017 (arXiv 1610.05820), which it is said to
    follow: for each true class, a network with one hidden layer reads the posteriors. Our choices: training on the
    known records of the target, as all attacks in MIA-Pruning (Shokri et al. train on shadow models); sorted
    posteriors; every step on all records, with members and non-members of a class weighted to the expected odds; score
    0 (undecided) for a class without known members or without known non-members.
    """

    def __init__(self, settings: RahmanSettings) -> None:
        self.settings = settings

    def __call__(self, evidence: Evidence, generator: torch.Generator) -> Scores:
        """Attack one target; the generator draws the initial weights."""
        members, nonmembers = evidence.known_members, evidence.known_nonmembers
        classes = members.logits.shape[1]
        known = [self._inputs(members), self._inputs(nonmembers)]
        weights = _weights(members.labels, nonmembers.labels, evidence.odds, classes)
        network = self._network(classes, generator).to(members.logits.device)
        optimiser = Adam(network.parameters(), lr=self.settings.learning_rate)
        for _ in range(self.settings.steps):
            losses = [F.softplus(-known[0].log_odds(network)), F.softplus(known[1].log_odds(network))]
            optimiser.zero_grad()
            ((weights[0] * losses[0]).sum() + (weights[1] * losses[1]).sum()).backward()
            optimiser.step()
        decided = weights[0].new_zeros(classes).scatter_add(0, members.labels, weights[0]) > 0
        with torch.no_grad():
            scores = [
                self._inputs(outputs).log_odds(network) * decided[outputs.labels]
                for outputs in (evidence.evaluation_members, evidence.evaluation_nonmembers)
            ]
        return as_scores(scores[0], scores[1], 0.0)

    def _network(self, classes: int, generator: torch.Generator) -> nn.Sequential:
        """One network per class, stacked: [classes, records, classes] to [classes, records, 1]."""
        generators = [generator] * classes  # the classes' weights are drawn one after another
        hidden = self.settings.hidden
        return nn.Sequential(MemberLinear(classes, hidden, generators), nn.ReLU(), MemberLinear(hidden, 1, generators))

    def _inputs(self, outputs: Outputs) -> _ByClass:
        """Return the posteriors as the networks read them."""
        posteriors = outputs.logits.float().softmax(1)
        if self.settings.order == "sorted":
            posteriors = posteriors.sort(1, descending=True).values
        return _ByClass.of(posteriors, outputs.labels)


@dataclass(frozen=True)
class _ByClass:
    """Records grouped by class, so that the networks of all classes run in one batched matrix product.

    Attributes:
        posteriors: float [classes, records of the largest class, classes]; smaller classes are padded with zeros.
        labels, slots: int64 [n], the first two indices of each record in `posteriors`.

    """

    posteriors: Tensor
    labels: Tensor
    slots: Tensor

    @classmethod
    def of(cls, posteriors: Tensor, labels: Tensor) -> _ByClass:
        """Group posteriors [n, classes] by labels [n]."""
        classes = posteriors.shape[1]
        counts = torch.bincount(labels, minlength=classes)
        order = labels.argsort(stable=True)
        slots = torch.empty_like(labels)
        slots[order] = torch.arange(len(labels), device=labels.device) - (counts.cumsum(0) - counts)[labels[order]]
        grouped = posteriors.new_zeros(classes, int(counts.max()), classes)
        grouped[labels, slots] = posteriors
        return cls(grouped, labels, slots)

    def log_odds(self, network: nn.Module) -> Tensor:
        """Log-odds of membership of each record according to the network of its class, float [n]."""
        log_odds: Tensor = network(self.posteriors)[self.labels, self.slots, 0]
        return log_odds


def _weights(members: Tensor, nonmembers: Tensor, odds: float, classes: int) -> tuple[Tensor, Tensor]:
    """Weight of each known record in the loss: in each class, members weigh `odds` times as much as non-members.

    Args:
        members: int64 [n], true classes of the known members.
        nonmembers: int64 [m], true classes of the known non-members.
        odds: members per non-member.
        classes: number of classes.

    Returns:
        float [n] and [m]; 0 in a class without members or without non-members.

    """
    counts = [torch.bincount(labels, minlength=classes) for labels in (members, nonmembers)]
    decided = (counts[0] > 0) & (counts[1] > 0)
    shares = (odds / (1 + odds), 1 / (1 + odds))
    per_class = [decided * share / count.clamp(min=1) for share, count in zip(shares, counts, strict=True)]
    return per_class[0][members], per_class[1][nonmembers]


METHOD = MembershipAttack(
    name="rahman",
    settings=RahmanSettings,
    attack=RahmanAttack,
    examples=(
        {"attack": "rahman", "order": "sorted", "hidden": 16, "steps": 100, "learning_rate": 0.01},
        {"attack": "rahman", "order": "class", "hidden": 16, "steps": 100, "learning_rate": 0.01},
    ),
)
