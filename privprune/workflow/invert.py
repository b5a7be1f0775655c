"""Invert the features that the targets of a cell send, with every attack of an entry, and bound the error of any."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from privprune.attacks.inversion import Inversion
from privprune.cells import Cell
from privprune.checkpoints.store import NONE, Checkpoints
from privprune.checks import Check
from privprune.errors import UserError
from privprune.metrics.reconstruction import QUALITIES, measure
from privprune.models import BlockNet, cut_in_two
from privprune.randomness import Purpose, numpy_generator
from privprune.workflow.context import DataContext, check_same_data
from privprune.workflow.feature_metrics import (
    ImageEntropy,
    bound_checks,
    collect_training_images,
    measure_features,
    with_error_bound,
)
from privprune.workflow.image_bytes import image_bytes
from privprune.workflow.inversion_checks import check_attack
from privprune.workflow.inversion_targets import target_records
from privprune.workflow.inversions import InversionEntry, check_features
from privprune.workflow.invert_target import TargetInversion, invert_target
from privprune.workflow.panels import panel
from privprune.workflow.workers import run_in_workers


def check_inversion(
    entry: InversionEntry, model: BlockNet, image_shape: tuple[int, int, int], where: str
) -> dict[str, Inversion]:
    """Check an entry against the architecture of its target.

    Args:
        entry: the attacks and the cut.
        model: a network of the target's architecture, with any weights; left in evaluation mode.
        image_shape: (C, H, W) of the data.
        where: place of the entry, for the message.

    Returns:
        label -> attack.

    Raises:
        UserError: an attack is unknown, its settings are wrong, the network has no such cut, or an attack cannot invert
            features of this shape.

    """
    attacks = entry.built(where)
    try:
        feature_shape = cut_in_two(model, entry.cut).feature_shape(image_shape)
    except UserError as refused:
        raise UserError(f"{where}.{refused}") from None
    check_features(attacks, feature_shape, image_shape, where)
    return attacks


@dataclass(frozen=True)
class InversionResults:
    """Results of all inversion attacks on a cell.

    Attributes:
        results: label -> metrics with intervals, history and numbers of records, in the form of a record.
        metrics: name -> one value per target: what is sent, and the bound of any attack's error.
        panels: label, and `original` -> PNG in base64, of the first target.
        reconstructions: `<label>/<target>/images|records|<quality>` -> arrays of all images scored or shown; the
            qualities are those of `metrics.reconstruction.Quality`.
        checks: `bound` -> checks of the bound; label -> those of the attack, in the form of a record.

    """

    results: dict[str, Any]
    metrics: dict[str, list[float]]
    panels: dict[str, str]
    reconstructions: dict[str, Any]
    checks: dict[str, list[dict[str, Any]]]


class _Job(NamedTuple):
    """The work of one worker process.

    An attack on a target, the same with `twice` the budget, the entropy of a set of images, or a target's features.
    """

    kind: Literal["attack", "twice", "entropy", "features"]
    label: str
    number: int

    @property
    def part(self) -> str:
        """Name of the job in checkpoints."""
        return f"{self.kind} {self.label} {self.number}"


def invert_cell(
    entry: InversionEntry,
    attacks: Mapping[str, Inversion],
    cell: Cell,
    context: DataContext,
    checkpoints: Checkpoints = NONE,
) -> InversionResults:
    """Attack every target of a cell, and check the attacks.

    Args:
        entry: seed, cut, resamples, how many images are scored, and which attacks run with twice the budget too.
        attacks: label -> attack, see `InversionEntry.built`.
        cell: the networks.
        context: the data that they were trained on.
        checkpoints: where the work is stored, so that it can be resumed.

    Raises:
        UserError: the cell was trained on other data, it has no such cut, or an attack cannot invert its features.

    """
    check_same_data(cell, context, f"target: {entry.target}")
    check_inversion(entry, cell.models([0])[0], context.image_shape, f"attack of {entry.target}")
    _check_surrogates(entry, attacks, cell, context.image_shape)
    training_images = collect_training_images(cell, context)
    jobs = _jobs(entry, cell.manifest.targets, len(training_images.sets))

    def work(job: _Job) -> TargetInversion | dict[str, float] | ImageEntropy:
        if job.kind in ("attack", "twice"):
            attack = attacks[job.label] if job.kind == "attack" else attacks[job.label].doubled()
            assert attack is not None  # noqa: S101 (checked when the attacks were built)
            within = checkpoints.within(job.part)
            return invert_target(entry, attack, job.label, cell, job.number, context, within)
        if job.kind == "entropy":
            return training_images.entropy(entry.seed, job.number, context)
        return measure_features(entry.seed, entry.cut, cell, job.number, context)

    results = run_in_workers(lambda job: checkpoints.done(job.part, lambda: work(job)), jobs)
    entropies = [result for result in results if isinstance(result, ImageEntropy)]
    features = [result for result in results if isinstance(result, dict)]
    inversions, doubled = _by_attack(attacks, jobs, results)
    size, sets = math.prod(context.image_shape), training_images.set_of
    bounded = [with_error_bound(one, entropies[number], size) for one, number in zip(features, sets, strict=True)]
    return InversionResults(
        results={label: _result(entry, label, targets) for label, targets in inversions.items()},
        metrics={**_by_name(bounded), **image_bytes(_errors(entry, inversions), cell, context)},
        panels=_panels(target_records(cell, 0, context).panel, inversions, context),
        reconstructions=_reconstructions(inversions),
        checks=_checks(entry, inversions, doubled, bounded),
    )


def _by_attack(
    labels: Iterable[str], jobs: Sequence[_Job], results: Sequence[object]
) -> tuple[dict[str, list[TargetInversion]], dict[str, TargetInversion]]:
    """Return label -> results on each target, and label -> result with twice the budget where there is one."""
    inverted = [(job, one) for job, one in zip(jobs, results, strict=True) if isinstance(one, TargetInversion)]
    once = {label: [one for job, one in inverted if (job.kind, job.label) == ("attack", label)] for label in labels}
    return once, {job.label: one for job, one in inverted if job.kind == "twice"}


def _checks(
    entry: InversionEntry,
    inversions: Mapping[str, Sequence[TargetInversion]],
    doubled: Mapping[str, TargetInversion],
    bounded: Sequence[dict[str, float]],
) -> dict[str, list[dict[str, Any]]]:
    """Check the bound, and each attack, with twice its budget on the first target where the entry asks for that."""
    checks: dict[str, Sequence[Check]] = {"bound": bound_checks(bounded)}
    for label, targets in inversions.items():
        checks[label] = check_attack(entry, label, targets, doubled.get(label))
    return {name: [one.as_record() for one in made] for name, made in checks.items()}


def _by_name(targets: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """Turn the metrics of each target into the values of each metric."""
    return {name: [metrics[name] for metrics in targets] for name in targets[0]}


def _errors(entry: InversionEntry, inversions: Mapping[str, Sequence[TargetInversion]]) -> dict[str, list[float]]:
    """Return the mean squared error of each attack on each target; controls are left out."""
    return {
        label: [float(one.released.mse.mean()) for one in targets]
        for label, targets in inversions.items()
        if not entry.method(label).control
    }


def _jobs(entry: InversionEntry, targets: int, sets: int) -> list[_Job]:
    """List each attack on each target, the entropy of each set of training images, and the features of each target."""
    twice = [_Job("twice", label, 0) for label in entry.twice]
    attacks = [_Job("attack", label, number) for label in entry.inversions for number in range(targets)]
    entropies = [_Job("entropy", "", number) for number in range(sets)]
    return [*twice, *attacks, *entropies, *(_Job("features", "", number) for number in range(targets))]


def _check_surrogates(
    entry: InversionEntry, attacks: Mapping[str, Inversion], cell: Cell, image_shape: tuple[int, int, int]
) -> None:
    """Check, where an attack starts from a surrogate decoder, that the targets were trained against a fitting one."""
    starting = {label: attack for label, attack in attacks.items() if attack.surrogate_size is not None}
    for number in range(cell.manifest.targets) if starting else ():
        feature_shape = cut_in_two(cell.models([number])[0], entry.cut).feature_shape(image_shape)
        for label, attack in starting.items():
            try:
                attack.check_surrogate(cell.surrogates[number], feature_shape, image_shape)
            except ValueError as refused:
                raise UserError(f"attack of {entry.target}.inversions.{label}.{refused}") from None


def _result(entry: InversionEntry, label: str, targets: Sequence[TargetInversion]) -> dict[str, Any]:
    """Measure one attack over all targets, in the form of a record."""
    draws = numpy_generator(entry.seed, Purpose.INVERSION, label)
    metrics: dict[str, Any] = {}
    scored = {"": [one.released for one in targets], "_as_written": [one.as_written for one in targets]}
    for ending, qualities in scored.items():
        measured = measure(qualities, entry.resamples, draws, compared=("mse",) if ending else QUALITIES)
        metrics |= {f"{name}{ending}": interval.as_record() for name, interval in measured.items()}
    history = {  # a training that ended earlier than another has no values in the later epochs
        name: [list(epoch) for epoch in zip_longest(*(one.history[name] for one in targets))]
        for name in targets[0].history
    }
    records = {
        "known": min(one.known for one in targets),
        "scored": min(len(one.released.mse) for one in targets),
        "selection": min(len(one.selection.mse) for one in targets),
    }
    return {
        "kind": "inversion",
        "control": entry.method(label).control,
        "metrics": metrics,
        "history": history,
        "records": records,
        "selection": {"mse": [float(one.selection.mse.mean()) for one in targets]},
        "trivial": {name: {"mse": [float(one.trivial[name].mean()) for one in targets]} for name in targets[0].trivial},
    }


def _panels(shown: Tensor, inversions: Mapping[str, Sequence[TargetInversion]], context: DataContext) -> dict[str, str]:
    """Draw the panel of the first target for every attack, and for the `original` images."""
    records = shown.flatten()
    originals = context.dataset.images[records.to(context.device)].cpu()
    panels = {
        label: panel(torch.from_numpy(targets[0].images), torch.from_numpy(targets[0].records), shown)
        for label, targets in inversions.items()
    }
    return {"original": panel(originals, records, shown), **panels}


def _reconstructions(inversions: Mapping[str, Sequence[TargetInversion]]) -> dict[str, Any]:
    """Return the arrays of all attacks and targets, `<label>/<target>/<name>` -> array."""
    return {
        f"{label}/{number}/{name}": values
        for label, targets in inversions.items()
        for number, target in enumerate(targets)
        for name, values in _arrays(target).items()
    }


def _arrays(target: TargetInversion) -> dict[str, Any]:
    """Return the reconstructions of one target and their qualities, by their names in the file."""
    return {"images": target.images, "records": target.records, **vars(target.quality)}
