"""Attack the targets of a cell for membership, with every method of an entry, at equal and at other base rates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch

from privprune.attacks.membership import Evidence, TrainsTogether, attack_each, replay
from privprune.attacks.membership.checks.all_attacks import ABOUT_METRICS, attack_checks
from privprune.attacks.membership.checks.twice_the_budget import doubled
from privprune.cells import Cell
from privprune.checkpoints.store import NONE, Checkpoints
from privprune.checks import Check
from privprune.metrics.membership import Measured, Scores, measure, point
from privprune.randomness import Purpose, generator, numpy_generator
from privprune.workflow.attack_entry import AttackEntry, ChosenAttack
from privprune.workflow.context import DataContext, check_same_data
from privprune.workflow.membership_evidence import Queries, check_companion, gather_evidence
from privprune.workflow.workers import run_in_workers

COMPARED = ("balanced_accuracy", "auc")  # on selection records, for the choice of the strongest attack


@dataclass(frozen=True)
class AttackResults:
    """Results of all membership attacks on a cell.

    Attributes:
        results: label -> metrics with intervals, ROC curve and history, in the form of a record. `selection` has one
            value per target of `balanced_accuracy` and `auc` on the selection records, from which the strongest attack
            is chosen; `control` says that it is none.
        scores: `<label>/<target>/members|nonmembers` -> float64 [n], scores of the evaluation records.
        checks: label -> its checks; `<label> <metric>` -> those that one metric rests on besides.

    """

    results: dict[str, Any]
    scores: dict[str, Any]
    checks: dict[str, list[dict[str, Any]]]


def attack_cell(
    entry: AttackEntry,
    attacks: Mapping[str, ChosenAttack],
    cell: Cell,
    context: DataContext,
    checkpoints: Checkpoints = NONE,
    companion: Cell | None = None,
) -> AttackResults:
    """Attack every target of a cell.

    Args:
        entry: seed, base rates and resamples.
        attacks: label -> attack, see `AttackEntry.chosen`.
        cell: the networks.
        context: the data that they were trained on.
        checkpoints: where the work is stored, so that it can be resumed.
        companion: the cell that the entry's `released_with` names.

    Raises:
        UserError: the cell was trained on other data, an attack needs shadow models and the cell has none, or the
            companion has other data, splits or seeds.

    """
    check_same_data(cell, context, f"target: {entry.target}")
    if companion is not None:
        check_companion(companion, cell, f"released_with: {entry.released_with}")
    evidences = gather_evidence(cell, context, _queries(entry, attacks), companion)
    jobs = _jobs(entry, attacks, len(evidences), context.device)

    def work(job: _Job) -> list[_Scored]:
        within = checkpoints.within(job.part)
        return checkpoints.done(job.part, lambda: _attack(entry, attacks[job.label], evidences, job, within))

    scored: dict[_Run, list[_Scored]] = {}
    for job, found in zip(jobs, run_in_workers(work, jobs), strict=True):
        scored.setdefault(job.run, []).extend(found)
    runs = [run for run in scored if not run.twice]
    measured = run_in_workers(lambda run: _measure(entry, run, scored[run]), runs)
    results, arrays = _results(scored, dict(zip(runs, measured, strict=True)), attacks)
    checks: dict[str, list[dict[str, Any]]] = {}
    for label, chosen in attacks.items():
        again = scored.get(_Run(label, None, twice=True))
        own = [one.evaluation for one in scored[_Run(label)]]
        made = attack_checks(chosen.method, chosen.settings, own, evidences, again[0].evaluation if again else None)
        checks |= _by_subject(label, made)
    return AttackResults(results, arrays, checks)


def _queries(entry: AttackEntry, attacks: Mapping[str, ChosenAttack]) -> Queries:
    """Collect the changed records that the attacks ask for, each once."""
    views = dict.fromkeys(view for chosen in attacks.values() for view in chosen.views)
    of_shadows = dict.fromkeys(
        view for chosen in attacks.values() if chosen.method.needs_shadows for view in chosen.views
    )
    return Queries(tuple(views), tuple(of_shadows), entry.seed)


class _Run(NamedTuple):
    """One run of a method on all targets: at equal base rates (odds None), at other odds, or with twice the budget."""

    label: str
    odds: float | None = None
    twice: bool = False


class _Job(NamedTuple):
    """The work of one worker process: a run against some targets."""

    run: _Run
    targets: Sequence[int]

    @property
    def label(self) -> str:
        """Label of the method."""
        return self.run.label

    @property
    def part(self) -> str:
        """Name of the job in checkpoints."""
        how = "" if self.run.odds is None else f" at {self.run.odds:g} to 1"
        budget = " with twice the budget" if self.run.twice else ""
        return f"{self.label}{how}{budget} on {' '.join(map(str, self.targets))}"


class _Scored(NamedTuple):
    """Scores of the evaluation records, and of the selection records; None at other odds."""

    evaluation: Scores
    selection: Scores | None


def _jobs(entry: AttackEntry, attacks: Mapping[str, ChosenAttack], targets: int, device: torch.device) -> list[_Job]:
    """List the work: on the CPU target by target for attacks that train, else all targets in one job.

    Attack networks of several targets can be trained as one stack, which is faster on a GPU only.
    """
    jobs = []
    for label, chosen in attacks.items():
        odds = entry.base_rates.odds if label in entry.base_rates.attacks else ()
        alone = isinstance(chosen.attack, TrainsTogether) and device.type == "cpu"
        parts: list[Sequence[int]] = [[target] for target in range(targets)] if alone else [range(targets)]
        jobs += [_Job(_Run(label, one), part) for one in (None, *odds) for part in parts]
        if label in entry.twice:
            jobs.append(_Job(_Run(label, None, twice=True), [0]))
    return jobs


def _results(
    scored: Mapping[_Run, Sequence[_Scored]], measured: Mapping[_Run, Measured], attacks: Mapping[str, ChosenAttack]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Sort the measurements of all runs by their labels; returns these, and the scores."""
    results: dict[str, Any] = {}
    arrays: dict[str, Any] = {}
    for run, measurement in measured.items():
        if run.odds is not None:
            accuracy = measurement.metrics["accuracy"].as_record()
            results[run.label]["metrics"][f"accuracy_at_{run.odds:g}_to_1"] = accuracy
            continue
        points = [point(one.selection) for one in scored[run] if one.selection is not None]
        results[run.label] = {
            **measurement.as_record(),
            "selection": {name: [values[name] for values in points] for name in COMPARED},
            "control": attacks[run.label].method.control,
        }
        for target, (scores, _) in enumerate(scored[run]):
            place = f"{run.label}/{target}"
            arrays |= {f"{place}/members": scores.members, f"{place}/nonmembers": scores.nonmembers}
    return results, arrays


def _by_subject(label: str, checks: Sequence[Check]) -> dict[str, list[dict[str, Any]]]:
    """Sort checks into those of the attack, and those of one metric: subject -> checks as in a record."""
    subjects: dict[str, list[dict[str, Any]]] = {label: []}
    for one in checks:
        metric = next((one.name.removeprefix(prefix) for prefix in ABOUT_METRICS if one.name.startswith(prefix)), "")
        subjects.setdefault(f"{label} {metric}".strip(), []).append(one.as_record())
    return subjects


def _purpose(run: _Run) -> tuple[Purpose, tuple[int | str, ...]]:
    """Return purpose and details of a method's generators: its label alone, so that other methods change nothing."""
    if run.odds is None:
        return Purpose.MEMBERSHIP_ATTACK, (run.label,)
    return Purpose.BASE_RATE_REPLAY, (run.label, round(1000 * run.odds))


def _attack(
    entry: AttackEntry, chosen: ChosenAttack, evidences: Sequence[Evidence], job: _Job, checkpoints: Checkpoints
) -> list[_Scored]:
    """Run a job; returns the scores of each of its targets."""
    purpose, details = _purpose(job.run)
    generators = [generator(entry.seed, purpose, target, *details) for target in job.targets]
    selected = [evidences[target] for target in job.targets]
    attack = chosen.attack
    if job.run.odds is not None:
        replayed = replay(attack, selected, job.run.odds, generators, checkpoints)
        for target, scores in zip(job.targets, replayed, strict=True):
            _check_finite(scores, job, target)
        return [_Scored(scores, None) for scores in replayed]
    if job.run.twice:
        attack = ChosenAttack.of(chosen.method, doubled(chosen.settings)).attack
    both = [evidence.with_selection() for evidence in selected]
    found = attack_each(attack, both, generators, checkpoints)
    for target, scores in zip(job.targets, found, strict=True):
        _check_finite(scores, job, target)
    return [_divided(scores, evidence) for scores, evidence in zip(found, selected, strict=True)]


def _check_finite(scores: Scores, job: _Job, target: int) -> None:
    """Refuse the scores of an attack network that diverged: ValueError, one line that begins with the key."""
    for curve, values in scores.history.items():
        place = next((number for number, value in enumerate(values, 1) if not math.isfinite(value)), None)
        if place is not None:
            raise ValueError(
                f"methods.{job.label}: training diverged: found a {curve} that is not finite, target {target}, "
                f"evaluation {place}; allowed a lower learning_rate"
            )


def _divided(scores: Scores, evidence: Evidence) -> _Scored:
    """Divide scores into those of the evaluation records and those of the selection records behind them."""
    members, nonmembers = len(evidence.evaluation_members), len(evidence.evaluation_nonmembers)
    first, last = slice(None, members), slice(members, None)
    before, behind = slice(None, nonmembers), slice(nonmembers, None)
    return _Scored(_part(scores, first, before), replace(_part(scores, last, behind), history={}))


def _part(scores: Scores, members: slice, nonmembers: slice) -> Scores:
    """Return the scores of some members and non-members."""
    records = None if scores.records is None else (scores.records[0][members], scores.records[1][nonmembers])
    return replace(scores, members=scores.members[members], nonmembers=scores.nonmembers[nonmembers], records=records)


def _measure(entry: AttackEntry, run: _Run, scored: Sequence[_Scored]) -> Measured:
    """Measure a method over all targets."""
    purpose, details = _purpose(run)
    scores = _as_long([one.evaluation for one in scored])
    return measure(scores, entry.resamples, numpy_generator(entry.seed, purpose, *details))


def _as_long(scores: Sequence[Scores]) -> list[Scores]:
    """Give the curves of all targets one length: that of a network that has stopped stays at its last value."""
    longest = {name: max(len(one.history[name]) for one in scores) for name in scores[0].history}
    return [
        replace(
            one,
            history={
                name: [*one.history[name], *one.history[name][-1:] * (length - len(one.history[name]))]
                for name, length in longest.items()
            },
        )
        for one in scores
    ]
