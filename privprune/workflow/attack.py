"""Attack the targets of a cell for membership: every method of the entry, every target, with base-rate replays."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
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
from privprune.cells import Cell, generator
from privprune.checkpoints.store import Checkpoints
from privprune.metrics.membership import Measured, Scores, measure
from privprune.settings import AtLeastOne, Positive
from privprune.training.ensemble import Ensemble
from privprune.training.prediction import predict
from privprune.workflow.context import DataContext, check_same_data
from privprune.workflow.stacks import as_arrays, as_tensors
from privprune.workflow.workers import side_by_side

ATTACK, REPLAY = 3, 4  # purposes of generators, continued from workflow.context


@dataclass(frozen=True)
class BaseRates:
    """Replays of attacks where members outnumber non-members.

    Attributes:
        attacks: labels of the methods to replay.
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
        methods: label -> settings, whose key `attack` names the method; a label is what tables and rows call it.
        base_rates: replays at other ratios of members to non-members.
        resamples: of the bootstrap behind the intervals.
        seed: of all that is random in attacking.

    """

    paper: str
    data: str
    target: str
    methods: dict[str, dict[str, object]]
    base_rates: BaseRates
    resamples: AtLeastOne
    seed: int

    def __post_init__(self) -> None:
        """Refuse a replay of a method that is not there."""
        for label in self.base_rates.attacks:
            if label not in self.methods:
                raise ValueError(f"base_rates.attacks: found {label!r}, allowed {', '.join(self.methods)}")

    def built(self, where: str) -> dict[str, Attack]:
        """Build the attacks.

        Raises:
            UserError: an unknown attack, or settings that it does not take.

        """
        return {
            label: build_attack(MEMBERSHIP_ATTACKS, settings, f"{where}.methods.{label}")
            for label, settings in self.methods.items()
        }


@dataclass(frozen=True)
class AttackResults:
    """What all attacks on a cell gave.

    Attributes:
        results: label -> metrics with intervals, ROC, history, as a record holds them.
        scores: `<label>/<target>/members|nonmembers` -> float64 scores.

    """

    results: dict[str, Any]
    scores: dict[str, Any]


def attack_cell(entry: AttackEntry, attacks: Mapping[str, Attack], cell: Cell, context: DataContext) -> AttackResults:
    """Attack every target of a cell.

    Raises:
        UserError: the cell was trained on other data, or an attack needs shadow models and there are none.

    """
    check_same_data(cell, context, f"target: {entry.target}")
    evidences = gather(cell, context)
    jobs = [
        _Job(label, odds, targets)
        for label, attack in attacks.items()
        for odds in (None, *_replayed(entry, label))
        for targets in _together(attack, len(evidences), context.device)
    ]

    def work(job: _Job) -> list[Scores]:
        own = context.checkpoints
        return own.done(job.part, lambda: _attack(entry, attacks[job.label], evidences, job, own.within(job.part)))

    found: dict[tuple[str, float | None], list[Scores]] = {}
    for job, made in zip(jobs, side_by_side(work, jobs), strict=True):
        found.setdefault((job.label, job.odds), []).extend(made)
    measured = side_by_side(lambda key: _measured(entry, *key, found[key]), list(found))
    results: dict[str, Any] = {}
    scores: dict[str, Any] = {}
    for ((label, odds), own), one in zip(found.items(), measured, strict=True):
        if odds is not None:
            results[label]["metrics"][f"accuracy_at_{odds:g}_to_1"] = one.metrics["accuracy"].as_record()
            continue
        results[label] = one.as_record()
        for target, score in enumerate(own):
            scores |= {f"{label}/{target}/members": score.members, f"{label}/{target}/nonmembers": score.nonmembers}
    return AttackResults(results, scores)


class _Job(NamedTuple):
    """What a worker does: a method against some of the targets, as it is or at other odds."""

    label: str
    odds: float | None
    targets: Sequence[int]

    @property
    def part(self) -> str:
        """Its name, as a part of the work."""
        whom = " ".join(map(str, self.targets))
        return f"{self.label} on {whom}" if self.odds is None else f"{self.label} at {self.odds:g} to 1 on {whom}"


def _together(attack: Attack, targets: int, device: torch.device) -> list[Sequence[int]]:
    """Divide targets into those of one job: one by one for an attack that trains, whose stacks pay on a GPU alone."""
    if isinstance(attack, TrainsTogether) and device.type == "cpu":
        return [[target] for target in range(targets)]
    return [range(targets)]


def _replayed(entry: AttackEntry, label: str) -> tuple[float, ...]:
    """Return the odds at which a method is replayed."""
    return entry.base_rates.odds if label in entry.base_rates.attacks else ()


def _purpose(label: str, odds: float | None) -> tuple[int, ...]:
    """Return what the random numbers of a method hang on beside the seed: its label alone, and the odds."""
    own = zlib.crc32(label.encode())
    return (ATTACK, own) if odds is None else (REPLAY, own, round(1000 * odds))


def _attack(
    entry: AttackEntry, attack: Attack, evidences: Sequence[Evidence], job: _Job, checkpoints: Checkpoints
) -> list[Scores]:
    """Run a job."""
    generators = [generator(entry.seed, target, *_purpose(job.label, job.odds)) for target in job.targets]
    own = [evidences[target] for target in job.targets]
    if job.odds is not None:
        return replay(attack, own, job.odds, generators, checkpoints)
    return attack_each(attack, own, generators, checkpoints)


def _measured(entry: AttackEntry, label: str, odds: float | None, found: Sequence[Scores]) -> Measured:
    """Measure a method on all targets."""
    return measure(found, entry.resamples, np.random.default_rng([entry.seed, *_purpose(label, odds)]))


def gather(cell: Cell, context: DataContext) -> list[Evidence]:
    """Ask every network of a cell about every record, once; then sort the answers by what the attacker may know."""
    manifest = cell.manifest
    answers = side_by_side(lambda number: as_arrays(_answers(cell, context, number)), range(manifest.networks))
    logits = torch.stack([as_tensors(answer) for answer in answers])
    labels = context.dataset.labels.cpu()
    members = torch.zeros(manifest.networks, len(labels), dtype=torch.bool)
    for number in range(manifest.networks):
        members[number, context.members(manifest, number)] = True
    evidences = []
    for target in range(manifest.targets):
        own = context.split(manifest, target)
        population = torch.cat([own.reference, own.selection_nonmembers]) if manifest.shadows else None
        shadows = members if manifest.shadows else None
        evidences.append(evidence_about(target, logits, labels, own, shadows, population))
    return evidences


def _answers(cell: Cell, context: DataContext, number: int) -> Tensor:
    """Logits of one network on all records, float [N, classes]."""
    model = cell.models([number])[0].to(context.device).to(memory_format=torch.channels_last)
    everything = torch.arange(len(context.dataset.labels), device=context.device)
    return predict(Ensemble([model]), context.dataset.images, everything)[0].cpu()
