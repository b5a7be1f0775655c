"""Train an attack's network on records of known membership, until held-out ones no longer gain by it.

The held-out records are a part of those whose membership the attacker knows; evaluated records are never looked at.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, nn

from privprune.attacks.membership.early_stopping import LEAST_GAIN
from privprune.attacks.membership.evidence import Evidence, Outputs
from privprune.attacks.membership.method import KnownRecords, check_held_out
from privprune.attacks.membership.thresholds import as_scores
from privprune.checkpoints.store import NONE, Checkpoints
from privprune.checks import Check, check
from privprune.errors import UserError
from privprune.metrics.membership import Scores
from privprune.models.initialisation import allocate
from privprune.models.random_layers import reseed
from privprune.settings import AtLeastOne, Batch, Fraction, Positive, Repeats
from privprune.training.optimisers import Adam

_CHUNK = 4096  # records scored at once; it affects memory only


@dataclass(frozen=True)
class PlateauSettings:
    """How an attack's network is trained.

    Attributes:
        steps: number of Adam steps at most.
        interval: steps between two evaluations on the held-out records.
        patience: evaluations without a loss that is lower, by 0.001 nats or more, after which the training ends.
        validation: share of the known members, and of the known non-members, that is held out; above 0 and below 1.
        batch: records per step, members and non-members at the expected odds.
        learning_rate: of Adam.

    """

    steps: AtLeastOne
    interval: Repeats
    patience: AtLeastOne
    validation: Fraction
    batch: Batch
    learning_rate: Positive

    def __post_init__(self) -> None:
        """Refuse what leaves nothing to train on or to hold out: ValueError, one line."""
        if self.batch < 2:
            raise ValueError(f"batch: found {self.batch}, allowed at least 2, a member and a non-member")
        if not 0 < self.validation < 1:
            raise ValueError(f"validation: found {self.validation:g}, allowed above 0 and below 1")


class Trains(Protocol):
    """The settings of an attack whose network is trained to a plateau, if it has one."""

    @property
    def training(self) -> PlateauSettings | None:
        """How the network is trained; None where there is no network."""
        ...


def check_training(settings: Trains, known: KnownRecords) -> None:
    """Refuse a share that holds nothing out: ValueError, one line that begins with the key."""
    if settings.training is None:
        return
    try:
        check_held_out(settings.training.validation, known)
    except ValueError as refused:
        raise ValueError(f"training.{refused}") from None


class LearntAttack(ABC):
    """Base class of attacks whose network reads features of a record; its scores are log-odds of membership.

    A subclass defines the features and the network. Of the history of its scores, each entry is one number: the steps
    that were taken (`last_step`), and step and loss of the evaluation of the lowest held-out loss (`best_step`,
    `held_out_loss`), whose network gives the scores. Targets are attacked one after another; each can have a process
    of its own.
    """

    training: PlateauSettings

    @abstractmethod
    def features(self, outputs: Outputs) -> Tensor:
        """Return what the network reads of n records, float [n, features]."""

    @abstractmethod
    def network(self, features: int, classes: int) -> nn.Module:
        """Build the network, [n, features] to log-odds [n], of linear layers, layer norms and random layers.

        Its parameters are on the meta device; they are drawn afterwards.
        """

    def __call__(self, evidence: Evidence, generator: torch.Generator) -> Scores:
        """Attack one target; the generator draws held-out records, initial weights, batches and dropout."""
        return self.many([evidence], [generator])[0]

    def many(
        self, evidences: Sequence[Evidence], generators: Sequence[torch.Generator], checkpoints: Checkpoints = NONE
    ) -> list[Scores]:
        """Attack several targets."""
        targets = enumerate(zip(evidences, generators, strict=True))
        return [self._scores(one, draw, checkpoints.within(f"{number}")) for number, (one, draw) in targets]

    def _scores(self, evidence: Evidence, generator: torch.Generator, checkpoints: Checkpoints) -> Scores:
        known = [_KnownFeatures(self.features(one).float(), one.labels) for one in _known_outputs(evidence)]
        classes = evidence.known_members.logits.shape[1]
        training = _Training(lambda count: self.network(count, classes), known, self.training, evidence.odds, generator)
        history = training.run(checkpoints)
        evaluated = (evidence.evaluation_members, evidence.evaluation_nonmembers)
        members, nonmembers = (training.log_odds(self.features(outputs).float()) for outputs in evaluated)
        return as_scores(members, nonmembers, 0.0, history)


def converged(settings: object, scores: Sequence[Scores]) -> tuple[Check, ...]:
    """Check that each network was at its best before its last evaluation, so that longer training would not help it.

    Attacks of the same method that train nothing have nothing to check.
    """
    del settings
    if any("last_step" not in one.history for one in scores):
        return ()
    shares = [one.history["best_step"][0] / one.history["last_step"][0] for one in scores]
    reason = "step of the lowest loss on held-out known records, as a share of all steps"
    return (check("attack network converged", shares, "below", 1.0, reason),)


def lowest(losses: Sequence[float]) -> int:
    """Return the last place at which a loss was lower, by 0.001 nats or more, than at the last such place before it."""
    found = 0
    for place, loss in enumerate(losses):
        if loss <= losses[found] - LEAST_GAIN:
            found = place
    return found


def divided(labels: Tensor, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Divide records at random into those for training and those held out, with equal shares of every class.

    A random part that has more of one class than the rest would make membership depend on the class.

    Args:
        labels: int64 [n], the classes.
        share: of the records that is held out, rounded down.
        generator: draws, on the CPU.

    Returns:
        rows for training and rows held out, int64, on the CPU.

    """
    order = torch.randperm(len(labels), generator=generator)
    order = order[labels.cpu()[order].argsort(stable=True)]
    counts = (torch.arange(len(labels) + 1, dtype=torch.float64) * share).floor()
    held_out = counts.diff() > 0
    return order[~held_out], order[held_out]


def fresh(build: Callable[[], nn.Module], generator: torch.Generator) -> nn.Module:
    """Build a network whose values and dropout depend on the generator alone.

    Weights of linear layers are drawn from Glorot's normal distribution, their biases are 0.
    """
    with torch.device("meta"):
        network = build()
    allocate(network)
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_normal_(module.weight, generator=generator)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            module.reset_parameters()
    reseed(network, int(torch.randint(2**62, (), generator=generator)))
    return network


@dataclass(frozen=True)
class _KnownFeatures:
    """Records of known membership: features, float [n, features], and classes, int64 [n]."""

    features: Tensor
    labels: Tensor


class _Training:
    """The training of one network against one target."""

    def __init__(
        self,
        build: Callable[[int], nn.Module],
        known: Sequence[_KnownFeatures],
        settings: PlateauSettings,
        odds: float,
        generator: torch.Generator,
    ) -> None:
        self.settings, self.generator = settings, generator
        self.share = odds / (1 + odds)
        parts = [divided(one.labels, settings.validation, generator) for one in known]
        for one, (training, held_out) in zip(known, parts, strict=True):
            if not len(training) or not len(held_out):
                raise UserError(
                    f"training.validation: found {settings.validation:g} of {len(one.labels)} known records, "
                    "allowed a share that leaves records on both sides"
                )
        rows = torch.cat([one.features[part[0]] for one, part in zip(known, parts, strict=True)])
        self.mean, deviation = rows.mean(0), rows.std(0)
        self.deviation = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
        self.known = [self._standard(one.features[part[0]]) for one, part in zip(known, parts, strict=True)]
        self.held_out = [self._standard(one.features[part[1]]) for one, part in zip(known, parts, strict=True)]
        self.network = fresh(lambda: build(rows.shape[1]), generator).to(rows.device)
        self.optimiser = Adam(self.network.parameters(), lr=settings.learning_rate)

    def run(self, checkpoints: Checkpoints) -> dict[str, list[float]]:
        """Train, put the network into the state of the lowest held-out loss, and return the history."""
        steps, interval = self.settings.steps, self.settings.interval
        losses: list[float] = [self._held_out_loss()]
        best: dict[str, Tensor] = self._weights()
        state: list[Any] = [self.network, self.optimiser, self.generator, losses, best]
        for turn in checkpoints.turns("training", math.ceil(steps / interval), state):
            self._train(min(interval, steps - turn * interval))
            losses.append(self._held_out_loss())
            since = len(losses) - 1 - lowest(losses)
            if not since:
                best.update(self._weights())
            if since >= self.settings.patience:
                break
        self.network.load_state_dict(best)
        taken = [min(number * interval, steps) for number in range(len(losses))]
        chosen = lowest(losses)
        return {"held_out_loss": [losses[chosen]], "best_step": [taken[chosen]], "last_step": [taken[-1]]}

    def _train(self, steps: int) -> None:
        """Take so many steps."""
        self.network.train()
        for members, nonmembers in zip(*self._batches(steps), strict=True):
            log_odds = self.network(torch.cat([members, nonmembers]))
            loss = self._loss(log_odds[: len(members)], log_odds[len(members) :])
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()

    def _loss(self, members: Tensor, nonmembers: Tensor) -> Tensor:
        """Cross-entropy of membership at the expected odds, from log-odds."""
        return self.share * F.softplus(-members).mean() + (1 - self.share) * F.softplus(nonmembers).mean()

    def _batches(self, steps: int) -> list[Sequence[Tensor]]:
        """Batches of members and of non-members; none is drawn k + 1 times before all are drawn k times."""
        members = min(max(round(self.settings.batch * self.share), 1), self.settings.batch - 1)
        batches: list[Sequence[Tensor]] = []
        for features, size in zip(self.known, (members, self.settings.batch - members), strict=True):
            rounds = range(math.ceil(steps * size / len(features)))
            drawn = torch.cat([torch.randperm(len(features), generator=self.generator) for _ in rounds])
            rows = drawn[: steps * size].to(features.device)
            batches.append(features[rows].split(size))
        return batches

    def _held_out_loss(self) -> float:
        """Loss on the held-out records; infinite where it is not a number, so that it is never the lowest."""
        loss = float(self._loss(*map(self._in_chunks, self.held_out)))
        return loss if math.isfinite(loss) else math.inf

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.network.state_dict().items()}

    def log_odds(self, features: Tensor) -> Tensor:
        """Log-odds of membership of records, from their features [n, features]: float [n]."""
        return self._in_chunks(self._standard(features))

    def _standard(self, features: Tensor) -> Tensor:
        """Shift and scale each feature to mean 0 and deviation 1 over the records for training."""
        return (features - self.mean) / self.deviation

    @torch.no_grad()
    def _in_chunks(self, features: Tensor) -> Tensor:
        self.network.eval()
        return torch.cat([self.network(part) for part in features.split(_CHUNK)])


def _known_outputs(evidence: Evidence) -> tuple[Outputs, Outputs]:
    return evidence.known_members, evidence.known_nonmembers
