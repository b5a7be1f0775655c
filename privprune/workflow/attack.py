"""Attack the targets of a cell for membership, with every method of an entry, at equal and at other base rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from privprune.attacks.choice import build_attack
from privprune.attacks.membership import (
    MEMBERSHIP_ATTACKS,
    Attack,
    Evidence,
    TrainsTogether,
    attack_each,
    evidence_about,
    replay,
)
from privprune.cells import Cell
from privprune.checkpoints.store import NONE, Checkpoints
from privprune.metrics.membership import Measured, Scores, measure
from privprune.randomness import Purpose, generator, numpy_generator
from privprune.settings import AtLeastOne, Positive
from privprune.training.ensemble import Ensemble
from privprune.training.prediction import predict
from privprune.workflow.context import DataContext, check_same_data
from privprune.workflow.stacks import as_array, as_tensor
from privprune.workflow.workers import run_in_workers


@dataclass(frozen=True)
class BaseRates:
    """Further runs of attacks where members outnumber non-members.

    Attributes:
        attacks: labels of the methods that are run again.
        odds: members per non-member, each at least 1.

    """

    attacks: tuple[str, ...]
    odds: tuple[Positive, ...]


@dataclass(frozen=True)
class AttackEntry:
    """An entry of the suite's `attack` section.

    Attributes:
        paper: the paper whose row it belongs to.
        data: name of the dataset.
        target: the cell that is attacked.
        methods: label -> settings, whose key `attack` names the method; tables show the label.
        base_rates: further runs at other ratios of members to non-members.
        resamples: number of bootstrap samples behind each interval.
        seed: of all random numbers of the attacks.

    """

    paper: str
    data: str
    target: str
    methods: dict[str, dict[str, object]]
    base_rates: BaseRates
    resamples: AtLeastOne
    seed: int

    def __post_init__(self) -> None:
        """Check that the methods that are run at other base rates exist."""
        for label in self.base_rates.attacks:
            if label not in self.methods:
                raise ValueError(f"base_rates.attacks: found {label!r}, allowed {', '.join(self.methods)}")

    def built(self, where: str) -> dict[str, Attack]:
        """Build the attacks, by their labels.

        Args:
            where: place of the entry, for the message.

        Raises:
            UserError: an attack is unknown, or its settings are wrong.

        """
        return {
            label: build_attack(MEMBERSHIP_ATTACKS, settings, f"{where}.methods.{label}")
            for label, settings in self.methods.items()
        }


@dataclass(frozen=True)
class AttackResults:
    """Results of all membership attacks on a cell.

    Attributes:
        results: label -> metrics with intervals, ROC curve and history, in the form of a record.
        scores: `<label>/<target>/members|nonmembers` -> float64 [n], scores of the evaluation records.

    """

    results: dict[str, Any]
    scores: dict[str, Any]


def attack_cell(
    entry: AttackEntry,
    attacks: Mapping[str, Attack],
    cell: Cell,
    context: DataContext,
    checkpoints: Checkpoints = NONE,
) -> AttackResults:
    """Attack every target of a cell.

    Args:
        entry: seed, base rates and resamples.
        attacks: label -> attack, see `AttackEntry.built`.
        cell: the networks.
        context: the data that they were trained on.
        checkpoints: where the work is stored, so that it can be resumed.

    Raises:
        UserError: the cell was trained on other data, or an attack needs shadow models and the cell has none.

    """
    check_same_data(cell, context, f"target: {entry.target}")
    evidences = gather_evidence(cell, context)
    jobs = [
        _Job(label, odds, targets)
        for label, attack in attacks.items()
        for odds in (None, *_odds_of(entry, label))
        for targets in _targets_per_job(attack, len(evidences), context.device)
    ]

    def work(job: _Job) -> list[Scores]:
        within = checkpoints.within(job.part)
        return checkpoints.done(job.part, lambda: _attack(entry, attacks[job.label], evidences, job, within))

    scores_of: dict[tuple[str, float | None], list[Scores]] = {}
    for job, scores in zip(jobs, run_in_workers(work, jobs), strict=True):
        scores_of.setdefault((job.label, job.odds), []).extend(scores)
    measured = run_in_workers(lambda run: _measure(entry, *run, scores_of[run]), list(scores_of))
    return _results(scores_of, measured)


def _results(
    scores_of: Mapping[tuple[str, float | None], Sequence[Scores]], measured: Sequence[Measured]
) -> AttackResults:
    """Sort the scores and measurements of all runs, (label, odds), by their labels."""
    results: dict[str, Any] = {}
    arrays: dict[str, Any] = {}
    for ((label, odds), scores), measurement in zip(scores_of.items(), measured, strict=True):
        if odds is not None:
            accuracy = measurement.metrics["accuracy"].as_record()
            results[label]["metrics"][f"accuracy_at_{odds:g}_to_1"] = accuracy
            continue
        results[label] = measurement.as_record()
        for target, score in enumerate(scores):
            arrays |= {f"{label}/{target}/members": score.members, f"{label}/{target}/nonmembers": score.nonmembers}
    return AttackResults(results, arrays)


class _Job(NamedTuple):
    """The work of one worker process: a method against some targets, at equal base rates (None) or at other odds."""

    label: str
    odds: float | None
    targets: Sequence[int]

    @property
    def part(self) -> str:
        """Name of the job in checkpoints."""
        targets = " ".join(map(str, self.targets))
        return f"{self.label} on {targets}" if self.odds is None else f"{self.label} at {self.odds:g} to 1 on {targets}"


def _targets_per_job(attack: Attack, targets: int, device: torch.device) -> list[Sequence[int]]:
    """Divide the targets into jobs: on the CPU one by one for attacks that train, else all in one job.

    Attack networks of several targets can be trained as one stack, which is faster on a GPU only.
    """
    if isinstance(attack, TrainsTogether) and device.type == "cpu":
        return [[target] for target in range(targets)]
    return [range(targets)]


def _odds_of(entry: AttackEntry, label: str) -> tuple[float, ...]:
    """Return the odds at which a method is run again."""
    return entry.base_rates.odds if label in entry.base_rates.attacks else ()


def _purpose(label: str, odds: float | None) -> tuple[Purpose, tuple[int | str, ...]]:
    """Return purpose and details of a method's generators: its label alone, so that other methods change nothing."""
    if odds is None:
        return Purpose.MEMBERSHIP_ATTACK, (label,)
    return Purpose.BASE_RATE_REPLAY, (label, round(1000 * odds))


def _attack(
    entry: AttackEntry, attack: Attack, evidences: Sequence[Evidence], job: _Job, checkpoints: Checkpoints
) -> list[Scores]:
    """Run a job; returns the scores of each of its targets."""
    purpose, details = _purpose(job.label, job.odds)
    generators = [generator(entry.seed, purpose, target, *details) for target in job.targets]
    selected = [evidences[target] for target in job.targets]
    if job.odds is not None:
        return replay(attack, selected, job.odds, generators, checkpoints)
    return attack_each(attack, selected, generators, checkpoints)


def _measure(entry: AttackEntry, label: str, odds: float | None, scores: Sequence[Scores]) -> Measured:
    """Measure a method over all targets."""
    purpose, details = _purpose(label, odds)
    return measure(scores, entry.resamples, numpy_generator(entry.seed, purpose, *details))


def gather_evidence(cell: Cell, context: DataContext) -> list[Evidence]:
    """Query every network of a cell once with every record, and sort the outputs by what an attacker may know.

    Returns:
        one per target.

    """
    manifest = cell.manifest
    outputs = run_in_workers(lambda number: as_array(_logits(cell, context, number)), range(manifest.networks))
    logits = torch.stack([as_tensor(output) for output in outputs])
    labels = context.dataset.labels.cpu()
    members = torch.zeros(manifest.networks, len(labels), dtype=torch.bool)
    for number in range(manifest.networks):
        members[number, context.members(manifest, number)] = True
    evidences = []
    for target in range(manifest.targets):
        split = context.split(manifest, target)
        population = torch.cat([split.reference, split.selection_nonmembers]) if manifest.shadows else None
        shadows = members if manifest.shadows else None
        evidences.append(evidence_about(target, logits, labels, split, shadows, population))
    return evidences


def _logits(cell: Cell, context: DataContext, number: int) -> Tensor:
    """Compute the logits of one network on all records, float [N, classes]."""
    model = cell.models([number])[0].to(context.device).to(memory_format=torch.channels_last)
    everything = torch.arange(len(context.dataset.labels), device=context.device)
    return predict(Ensemble([model]), context.dataset.images, everything)[0].cpu()
