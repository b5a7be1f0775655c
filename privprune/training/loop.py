"""The training loop; every defence and pruning method is a term, a mask or a gradient transform passed to it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

import torch
from torch import Tensor

from privprune.checkpoints.store import NONE, Checkpoints
from privprune.progress.reporter import Reporter
from privprune.settings import Batch, Count, Fraction, NonNegative, Positive, Range
from privprune.training.batches import Augmentation, TrainingData, augmented
from privprune.training.divergence import check_finite, sums_of_weights
from privprune.training.ensemble import Ensemble, side_of
from privprune.training.optimisers import optimiser_named
from privprune.training.tasks import Classification, Task

History = dict[str, list[list[float]]]  # name -> epochs x members
Factor = Annotated[float, Range(1e-6, 1)]  # not above 1, where many milestones would lead beyond all numbers
Masks = dict[str, Tensor]  # weight name -> bool [members, *weight.shape]


@dataclass(frozen=True)
class OptimiserSettings:
    """The optimiser of a training phase; momentum is ignored by Adam and must then be 0."""

    name: Literal["sgd", "adam"]
    learning_rate: Positive
    momentum: Fraction
    weight_decay: NonNegative

    def __post_init__(self) -> None:
        """Refuse an option without effect."""
        if self.name == "adam" and self.momentum:
            raise ValueError("momentum: found a value for adam, allowed 0 (adam has its own)")


@dataclass(frozen=True)
class ScheduleSettings:
    """How the learning rate falls: multiplied by `factor` at each milestone (epochs), or along a half cosine to 0.

    `multistep_idle_first` is `multistep` with a first epoch at rate 0, as by a mistake in CEM's released code.
    """

    name: Literal["constant", "multistep", "multistep_idle_first", "cosine"]
    milestones: tuple[Count, ...]
    factor: Factor

    def rate(self, progress: float, epochs: int) -> float:
        """Return the multiplier of the learning rate after `progress` epochs of `epochs`."""
        if self.name == "cosine":
            return 0.5 * (1 + math.cos(math.pi * progress / max(epochs, 1)))
        if self.name == "multistep_idle_first" and progress < 1:
            return 0.0
        stepped = self.name in ("multistep", "multistep_idle_first")
        passed = sum(progress >= milestone for milestone in self.milestones) if stepped else 0
        return self.factor**passed


@dataclass(frozen=True)
class TrainingPlan:
    """One training phase: length, batch size, optimiser, learning rate schedule, augmentation and precision."""

    epochs: Count
    batch: Batch
    optimiser: OptimiserSettings
    schedule: ScheduleSettings
    augmentation: Augmentation
    precision: Literal["float32", "bfloat16"]


@dataclass
class Step:
    """The data of one step that terms can read; M members, whose batches are concatenated.

    Attributes:
        ensemble: the networks.
        inputs: float [M * batch, channels, height, width].
        labels: int64 [M * batch].
        logits: float [M * batch, classes], with their autograd graph.
        features: float [batch, channels, height, width], with their autograd graph: output of the edge of a network
            with a cut, before the wire; None for whole networks.
        sent: of the same shape, output of the wire; None for whole networks.
        learning_rate: of this step.
        epoch: counted from 0.
        last_of_epoch: whether the epoch ends with this step.
        passed: epochs of the phase that have passed at the end of this step, with their fraction.
        losses: float [M], the task loss of each network, with its autograd graph; None where no task is trained for.

    """

    ensemble: Ensemble
    inputs: Tensor
    labels: Tensor
    logits: Tensor
    features: Tensor | None
    sent: Tensor | None
    learning_rate: float
    epoch: int
    last_of_epoch: bool
    passed: float = math.nan
    losses: Tensor | None = None


class Term:
    """A defence or a pruning method, as the loop calls it. Every method is optional.

    Its state is in its attributes, from which an interrupted training is resumed (see `checkpoints.state`).
    """

    def start(self, ensemble: Ensemble) -> None:
        """Prepare for the networks, before the first step; also called when an interrupted training is resumed."""

    @property
    def warm_ups(self) -> int:
        """How often the loop calls `warm_up`."""
        return 0

    def warm_up(self, ensemble: Ensemble) -> None:
        """Do one part of the work between `start` and the first step; after each part a checkpoint can be written."""

    def penalty(self, step: Step) -> Tensor | None:
        """Return a scalar to add to the batch's task loss, summed over the members."""

    def update(self, step: Step) -> None:
        """Update the term's own state after the optimiser's step, for example by an adversary's step or a dual step."""

    def stop(self, ensemble: Ensemble) -> None:
        """Clean up after the last step, for example by removing hooks from the networks."""

    def measurements(self) -> dict[str, Tensor]:
        """Return measurements of the epoch that has just ended: name -> [members]."""
        return {}


class GradientTransform(Protocol):
    """Changes the gradients between backward pass and optimiser step (DP-SGD); it also samples the batches."""

    def attach(self, ensemble: Ensemble, optimiser: torch.optim.Optimizer, data: TrainingData) -> torch.optim.Optimizer:
        """Prepare the network, and return the optimiser that replaces the given one."""

    def batches(self, data: TrainingData, batch: int) -> Iterator[Tensor]:
        """Draw one epoch of batches: positions [members, b] into `data.indices`."""

    def detach(self, ensemble: Ensemble) -> None:
        """Restore the plain network."""


def train(
    ensemble: Ensemble,
    data: TrainingData,
    plan: TrainingPlan,
    generators: Sequence[torch.Generator],
    *,
    terms: Sequence[Term] = (),
    masks: Masks | None = None,
    transform: GradientTransform | None = None,
    reporter: Reporter | None = None,
    task: Task | None = None,
    checkpoints: Checkpoints = NONE,
    name: str = "train",
) -> History:
    """Train all members for one phase.

    Args:
        ensemble: the networks, changed in place.
        data: the records of each member.
        plan: length, batch, optimiser, schedule, augmentation, precision.
        generators: one per member; order and augmentation of its batches depend on it alone.
        terms: defences and pruning methods, called in this order at every step.
        masks: true for the weights that train; the others stay zero, whatever momentum and weight decay do.
        transform: changes the gradients, for differential privacy.
        reporter: called after each epoch.
        task: draws the batches and computes their loss; None for classification.
        checkpoints: where the state is saved between epochs; an interrupted training is resumed from there.
        name: of the phase, unique among the checkpoints.

    Returns:
        loss and accuracy on the training batches, learning rate, and the measurements of the terms.

    Raises:
        Diverged: a loss, or after the last epoch a parameter, is not finite.

    """
    settings, task = plan.optimiser, task or Classification()
    sizes = (settings.learning_rate, settings.momentum, settings.weight_decay)
    optimiser = optimiser_named(settings.name, list(ensemble.parameters()), *sizes)
    if transform is not None:
        optimiser = transform.attach(ensemble, optimiser, data)
    for term in terms:
        term.start(ensemble)
    phase = _Phase(ensemble, data, plan, optimiser, generators, tuple(terms), ensemble.masked(masks or {}), task)
    history: History = {}
    warm_ups = [term for term in terms for _ in range(term.warm_ups)]
    state = [ensemble, optimiser, generators, terms, transform, task, history]
    unchanged = (data.images, data.labels, data.indices)
    for turn in checkpoints.turns(name, len(warm_ups) + plan.epochs, state, unchanged):
        if turn < len(warm_ups):
            warm_ups[turn].warm_up(ensemble)
            continue
        epoch = turn - len(warm_ups)
        order = transform.batches(data, plan.batch) if transform else task.batches(data, plan.batch, generators)
        _note(history, phase.run_epoch(epoch, list(order)))
        check_finite(history["loss"][-1], epoch + 1, name)
        if reporter is not None:
            reporter.epoch(epoch, {name: sum(values[-1]) / len(values[-1]) for name, values in history.items()})
    check_finite(sums_of_weights(ensemble), plan.epochs, name)
    for term in terms:
        term.stop(ensemble)
    if transform is not None:
        transform.detach(ensemble)
    return history


@dataclass(frozen=True)
class _Phase:
    """A training phase: what is the same for all of its steps."""

    ensemble: Ensemble
    data: TrainingData
    plan: TrainingPlan
    optimiser: torch.optim.Optimizer
    generators: Sequence[torch.Generator]
    terms: tuple[Term, ...]
    kept: tuple[list[Tensor], list[Tensor]]
    task: Task

    def run_epoch(self, epoch: int, order: list[Tensor]) -> dict[str, Tensor]:
        """Train on all batches once, and return the measurements of the epoch, each [members], on the device."""
        self.ensemble.train()
        sums = torch.zeros(3, self.ensemble.members, device=self.data.images.device)
        for number, positions in enumerate(order):
            rate = self.plan.schedule.rate(epoch + number / len(order), self.plan.epochs)
            for group in self.optimiser.param_groups:
                group["lr"] = self.plan.optimiser.learning_rate * rate
            sums += self._step(epoch, positions, passed=(number + 1) / len(order))
        rate_now = torch.full_like(sums[0], self.optimiser.param_groups[0]["lr"])
        records = sums[2].clamp_min(1)  # of Poisson batches, all can be empty
        measured = {"loss": sums[0] / records, "accuracy": sums[1] / records, "learning_rate": rate_now}
        for term in self.terms:
            measured |= term.measurements()
        return measured

    def _step(self, epoch: int, positions: Tensor, *, passed: float) -> Tensor:
        """Run forward, backward, optimiser and terms; return sums of loss, hits and records, [3, members].

        Args:
            epoch: counted from 0.
            positions: of the batch's records, [members, b].
            passed: fraction of the epoch that has passed at the end of the step; 1 for its last step.

        """
        members = self.ensemble.members
        records = self.data.indices.gather(1, positions).flatten()
        inputs = augmented(self.data.images[records], self.plan.augmentation, self.generators)
        labels = self.data.labels[records]
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=self.plan.precision == "bfloat16"):
            seen = self.ensemble.observe(inputs)
        logits = seen.logits.float()
        pooled = None if seen.pooled is None else seen.pooled.float()
        losses = self.task.losses(logits, pooled, labels, members)
        step = Step(
            ensemble=self.ensemble,
            inputs=inputs,
            labels=labels,
            logits=logits,
            features=None if seen.features is None else seen.features.float(),
            sent=None if seen.sent is None else seen.sent.float(),
            learning_rate=self.optimiser.param_groups[0]["lr"],
            epoch=epoch,
            last_of_epoch=passed >= 1,
            passed=epoch + passed,
            losses=losses,
        )
        penalties = [penalty for term in self.terms if (penalty := term.penalty(step)) is not None]
        self.optimiser.zero_grad()
        torch.stack([losses.sum(), *penalties]).sum().backward()
        self.optimiser.step()
        if self.kept[0]:
            torch._foreach_mul_(*self.kept)
        for term in self.terms:
            term.update(step)
        with torch.no_grad():
            hits = side_of(logits.argmax(1) == labels, members).sum(1)
            size = torch.full_like(losses, positions.shape[1])
            total = losses * size if positions.shape[1] else size  # the mean loss of an empty batch is not a number
            return torch.stack([total, hits.float(), size])


def _note(history: History, measured: dict[str, Tensor]) -> None:
    """Append the values of one epoch; this is the only transfer from the device in an epoch."""
    names = list(measured)
    rows = torch.stack([measured[name].to(torch.float32).cpu() for name in names]).tolist()
    for name, row in zip(names, rows, strict=True):
        history.setdefault(name, []).append(row)
