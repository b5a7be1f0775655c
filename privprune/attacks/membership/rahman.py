"""The attack of the CIFAR-10 CNN row in MIA-Pruning: one small network per class reads the posteriors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, nn

from privprune.attacks.membership.checks.converged import converged
from privprune.attacks.membership.early_stopping import EarlyStopping
from privprune.attacks.membership.evidence import Evidence, Outputs
from privprune.attacks.membership.method import KnownRecords, MembershipAttack, check_held_out
from privprune.attacks.membership.plateau import train_to_plateau
from privprune.attacks.membership.thresholds import as_scores
from privprune.errors import UserError
from privprune.metrics.membership import Scores
from privprune.models.nasr import MemberLinear
from privprune.settings import AtLeastOne, Fraction, Positive, Repeats, Width

_GOLDEN_RATIO = 0.6180339887498949  # its multiples lie evenly between whole numbers


@dataclass(frozen=True)
class RahmanSettings:
    """Settings of Rahman's attack.

    Attributes:
        order: how a record's posteriors enter the network: `sorted` from high to low, or in the order of the `class`.
        hidden: units of the one hidden layer; 64 in Shokri et al. 2017.
        steps: of Adam, at most, each on all known records that are not held out.
        interval: steps between two evaluations on the held-out records.
        patience: evaluations without a lower loss after which the training of all classes ends.
        learning_rate: of Adam.
        validation: share of the known records that is held out. The networks of the lowest loss on them give the
            scores; one number of steps serves all classes, as few records of each are held out.

    """

    order: Literal["sorted", "class"]
    hidden: Width
    steps: AtLeastOne
    interval: Repeats
    patience: AtLeastOne
    learning_rate: Positive
    validation: Fraction

    def __post_init__(self) -> None:
        """Refuse what leaves nothing to train on or to hold out: ValueError, one line."""
        if not 0 < self.validation < 1:
            raise ValueError(f"validation: found {self.validation:g}, allowed above 0 and below 1")


class RahmanAttack:
    """After Rahman et al. 2018 (Transactions on Data Privacy 11(1)), used for one row of MIA-Pruning's Table 2.

    We had no access to that paper; this is the attack of Shokri et al. 2017 (arXiv 1610.05820), which it is said to
    follow: for each true class, a network with one hidden layer reads the posteriors. Our choices: training on the
    known records of the target, as all attacks in MIA-Pruning (Shokri et al. train on shadow models); sorted
    posteriors; every step on all records, with members and non-members of a class weighted to the expected odds; score
    0 (undecided) for a class without known members or without known non-members.

    History, one number per evaluation: `loss` and `validation_loss`, means over the classes that are decided.
    """

    def __init__(self, settings: RahmanSettings) -> None:
        self.settings = settings

    def __call__(self, evidence: Evidence, generator: torch.Generator) -> Scores:
        """Attack one target; the generator draws the initial weights."""
        classes = evidence.known_members.logits.shape[1]
        parts = [self._divided(one) for one in (evidence.known_members, evidence.known_nonmembers)]
        training, held_out = (self._weighted(both, evidence.odds, classes) for both in zip(*parts, strict=True))
        if not held_out.decided.any():
            share, known = self.settings.validation, len(evidence.known_members) + len(evidence.known_nonmembers)
            raise UserError(
                f"validation: found {share:g} of {known} known records, allowed some of both kinds of a class"
            )
        decided = training.decided
        network = self._network(classes, generator).to(decided.device)
        stopping = EarlyStopping(network, self.settings.patience)  # all classes stop at once
        curves = train_to_plateau(_Trained(network, training, held_out), self.settings, stopping)
        with torch.no_grad():
            scores = [
                self._inputs(outputs).log_odds(network) * decided[outputs.labels]
                for outputs in (evidence.evaluation_members, evidence.evaluation_nonmembers)
            ]
        history = {name: torch.stack(values).tolist() for name, values in curves.items()}
        return as_scores(scores[0], scores[1], 0.0, history)

    def _divided(self, outputs: Outputs) -> tuple[Outputs, Outputs]:
        """Divide known records into those for training and those held out, evenly in every class by position.

        In a class of few records, whether one is held out depends on the number of the class.
        """
        order = outputs.positions.argsort()
        order = order[outputs.labels[order].argsort(stable=True)]
        ordered = outputs.take(order)
        share, phase = self.settings.validation, (ordered.labels * _GOLDEN_RATIO).frac()
        slots = _ByClass.of(ordered.logits, ordered.labels).slots
        held_out = ((slots + 1) * share + phase).floor() > (slots * share + phase).floor()
        return ordered.take((~held_out).nonzero()[:, 0]), ordered.take(held_out.nonzero()[:, 0])

    def _weighted(self, both: Sequence[Outputs], odds: float, classes: int) -> _Weighted:
        """Group members and non-members by class, with their weights at the odds."""
        weights = _weights(both[0].labels, both[1].labels, odds, classes)
        groups = (self._inputs(both[0]), self._inputs(both[1]))
        decided = weights[0].new_zeros(classes).scatter_add(0, both[0].labels, weights[0]) > 0
        return _Weighted(groups, weights, decided)

    def _network(self, classes: int, generator: torch.Generator) -> nn.Sequential:
        """One network per class, stacked: [classes, records, classes] to [classes, records, 1]."""
        generators = [generator] * classes  # the classes' weights are drawn one after another
        hidden = self.settings.hidden
        layers = [MemberLinear(classes, hidden, generators, "he"), MemberLinear(hidden, 1, generators, "he")]
        return nn.Sequential(layers[0], nn.ReLU(), layers[1])

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
        grouped = posteriors.new_zeros(classes, int(counts.max()) if len(labels) else 0, classes)
        grouped[labels, slots] = posteriors
        return cls(grouped, labels, slots)

    def log_odds(self, network: nn.Module) -> Tensor:
        """Log-odds of membership of each record according to the network of its class, float [n]."""
        log_odds: Tensor = network(self.posteriors)[self.labels, self.slots, 0]
        return log_odds


@dataclass(frozen=True)
class _Weighted:
    """Members and non-members by class.

    Attributes:
        groups: of members and of non-members.
        weights: float [n] and [m], see `_weights`.
        decided: bool [classes], which classes have both.

    """

    groups: tuple[_ByClass, _ByClass]
    weights: tuple[Tensor, Tensor]
    decided: Tensor

    def loss(self, network: nn.Module) -> Tensor:
        """Weighted cross-entropy, the sum over the classes that are decided; float []."""
        total = self.weights[0].new_zeros(())
        for group, weights, sign in zip(self.groups, self.weights, (-1.0, 1.0), strict=True):
            total = total + (weights * F.softplus(sign * group.log_odds(network))).sum()
        return total


@dataclass(frozen=True)
class _Trained:
    """The networks of all classes, a `Trainee` of `plateau`: every step is on all records for training."""

    network: nn.Module
    training: _Weighted
    held_out: _Weighted
    generators: tuple[torch.Generator, ...] = ()

    def batches(self, steps: int) -> Iterable[_Weighted]:
        """Return the records for training, once for each step."""
        return repeat(self.training, steps)

    def loss(self, batch: _Weighted) -> Tensor:
        """Return the sum over the classes, float []."""
        return batch.loss(self.network)

    def evaluate(self, losses: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return means over the classes: of the loss of the last step, and of that of the held-out records."""
        return {
            "loss": losses[-1] / self.training.decided.sum(),
            "validation_loss": self.held_out.loss(self.network) / self.held_out.decided.sum(),
        }


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


_EXAMPLE = {"attack": "rahman", "hidden": 16, "steps": 100, "interval": 10, "patience": 5, "learning_rate": 0.01}
_EXAMPLE |= {"validation": 0.2}


def check_rahman(settings: RahmanSettings, known: KnownRecords) -> None:
    """Refuse a share that holds nothing out: ValueError, one line."""
    check_held_out(settings.validation, known)


METHOD = MembershipAttack(
    name="rahman",
    settings=RahmanSettings,
    attack=RahmanAttack,
    check=check_rahman,
    checks=converged,
    examples=(
        {**_EXAMPLE, "order": "sorted"},
        {**_EXAMPLE, "order": "class"},
    ),
)
