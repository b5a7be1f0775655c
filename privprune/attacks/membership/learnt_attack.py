"""Attacks whose network reads features of a record; `plateau` trains it.

An attack derives from `LearntAttack` and says what is read and by which network.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from privprune.attacks.membership.early_stopping import EarlyStopping
from privprune.attacks.membership.evidence import Evidence, Outputs
from privprune.attacks.membership.method import KnownRecords, check_held_out
from privprune.attacks.membership.plateau import batch_sizes, divided, drawn, membership_loss, train_to_plateau
from privprune.attacks.membership.thresholds import as_scores
from privprune.checkpoints.store import NONE, Checkpoints
from privprune.checks import Check, check
from privprune.errors import UserError
from privprune.metrics.membership import Scores
from privprune.models.initialisation import allocate
from privprune.models.random_layers import reseed
from privprune.settings import AtLeastOne, Batch, Fraction, Positive, Repeats

_CHUNK = 4096  # records scored at once; it affects memory only


@dataclass(frozen=True)
class AttackTrainingSettings:
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
    def training(self) -> AttackTrainingSettings | None:
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

    training: AttackTrainingSettings

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
    """One network against one target, a `Trainee` of `plateau`."""

    def __init__(
        self,
        build: Callable[[int], nn.Module],
        known: Sequence[_KnownFeatures],
        settings: AttackTrainingSettings,
        odds: float,
        generator: torch.Generator,
    ) -> None:
        self.settings, self.odds, self.generators = settings, odds, [generator]
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

    def run(self, checkpoints: Checkpoints) -> dict[str, list[float]]:
        """Train, put the network into the state of the lowest held-out loss, and return the history."""
        stopping = EarlyStopping(self.network, self.settings.patience)
        stopping.evaluate(self.network, self._held_out_loss())  # the first weights may be the best
        train_to_plateau(self, self.settings, stopping, checkpoints)
        last = int(stopping.evaluations) - 1
        steps = [min(turn * self.settings.interval, self.settings.steps) for turn in (last - int(stopping.since), last)]
        return {"held_out_loss": stopping.lowest.tolist(), "best_step": steps[:1], "last_step": steps[1:]}

    def batches(self, steps: int) -> Iterable[Sequence[Tensor]]:
        """Draw features of members and of non-members."""
        kinds = []
        for features, size in zip(self.known, batch_sizes(self.settings.batch, self.odds), strict=True):
            rows = drawn(len(features), steps * size, self.generators[0])
            kinds.append(features[rows.to(features.device)].split(size))
        return zip(*kinds, strict=True)

    def loss(self, batch: Sequence[Tensor]) -> Tensor:
        """Return the cross-entropy of membership, float []."""
        log_odds = self.network(torch.cat(list(batch)))
        return membership_loss(log_odds.split([len(features) for features in batch]), self.odds)

    def evaluate(self, losses: Sequence[Tensor]) -> dict[str, Tensor]:
        """Measure the held-out records alone."""
        del losses
        return {"validation_loss": self._held_out_loss()}

    def _held_out_loss(self) -> Tensor:
        return membership_loss([self._in_chunks(features) for features in self.held_out], self.odds)

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
