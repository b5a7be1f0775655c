"""Invert the features that the targets of a cell send: every attack of the entry, every target, and the bound."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from privprune.attacks.inversion import Inversion
from privprune.cells import Cell, generator
from privprune.errors import UserError
from privprune.metrics.reconstruction import Quality, measure
from privprune.models import BlockNet
from privprune.workflow.context import DataContext, check_same_data
from privprune.workflow.feature_metrics import bounded, facts, shown
from privprune.workflow.inversion_targets import halves, plan, records_of, target
from privprune.workflow.inversions import InversionEntry, check_features
from privprune.workflow.panels import panel
from privprune.workflow.workers import side_by_side

Array = np.ndarray[Any, Any]

INVERT = 6  # purpose of generators, continued from privprune.cells; 7 and 8 are in workflow.facts


def check_inversion(
    entry: InversionEntry, model: BlockNet, image_shape: tuple[int, int, int], where: str
) -> dict[str, Inversion]:
    """Hold an entry against the architecture of its target, before anything is trained.

    Args:
        entry: what was asked for.
        model: a network like the target's, with any weights; left in evaluation mode.
        image_shape: (C, H, W) of the data.
        where: the place of the entry, for the message.

    Returns:
        the attacks.

    Raises:
        UserError: an unknown attack, wrong settings, no such cut, or features that an attack cannot invert.

    """
    attacks = entry.built(where)
    try:
        feature_shape = halves(model, entry.cut).feature_shape(image_shape)
    except UserError as refused:
        raise UserError(f"{where}.{refused}") from None
    check_features(attacks, feature_shape, image_shape, where)
    return attacks


@dataclass(frozen=True)
class Inverted:
    """What all attacks on a cell gave.

    Attributes:
        results: label -> metrics with intervals, history, numbers of records, as a record holds them.
        metrics: name -> one value per target: what is sent, and the bound of any attack's error.
        panels: label, and `original` -> PNG in base64, of the first target.
        reconstructions: `<label>/<target>/images|records|mse|psnr|ssim` -> arrays of all inverted images.

    """

    results: dict[str, Any]
    metrics: dict[str, list[float]]
    panels: dict[str, str]
    reconstructions: dict[str, Any]


@dataclass(frozen=True)
class _Found:
    """What one attack gave on one target, without tensors: workers send arrays faster and more safely.

    Attributes:
        images: uint8 [m, C, H, W], all that was inverted.
        records: int64 [m], of which records.
        quality: of all of them.
        released: of those that the released code would score.
        written: of those that the paper's words say.
        known: number of records that the attacker trained on.
        history: the attack's curves.

    """

    images: Array
    records: Array
    quality: Quality
    released: Quality
    written: Quality
    known: int
    history: dict[str, list[float]]


class _Job(NamedTuple):
    """What a worker does: an attack on a target, H(x) of one of the sets of images, or the facts of a target."""

    kind: Literal["attack", "entropy", "facts"]
    label: str
    number: int

    @property
    def part(self) -> str:
        """Its name, as a part of the work."""
        return f"{self.kind} {self.label} {self.number}"


def invert_cell(entry: InversionEntry, attacks: Mapping[str, Inversion], cell: Cell, context: DataContext) -> Inverted:
    """Attack every target of a cell.

    Raises:
        UserError: the cell was trained on other data, cannot be cut so, or sends what an attack cannot invert.

    """
    check_same_data(cell, context, f"target: {entry.target}")
    channels, height, width = context.dataset.images.shape[1:]
    check_inversion(entry, cell.models([0])[0], (channels, height, width), f"attack of {entry.target}")
    _check_surrogates(entry, attacks, cell, (channels, height, width))
    numbers, learnt = range(cell.manifest.targets), shown(cell, context)
    jobs = [_Job("attack", label, number) for label in attacks for number in numbers]
    jobs += [_Job("entropy", "", number) for number in range(len(learnt.sets))]
    jobs += [_Job("facts", "", number) for number in numbers]

    def work(job: _Job) -> _Found | dict[str, float] | float:
        if job.kind == "attack":
            return _inverted(entry, attacks[job.label], job.label, cell, job.number, context.within(job.part))
        if job.kind == "entropy":
            return learnt.entropy(entry.seed, job.number, context)
        return facts((entry.seed, job.number), entry.cut, cell, job.number, context)

    done = side_by_side(lambda job: context.checkpoints.done(job.part, lambda: work(job)), jobs)
    entropies = [one for one in done if isinstance(one, float)]
    measured = [one for one in done if isinstance(one, dict)]
    size = channels * height * width
    told = [bounded(one, entropies[own], size) for one, own in zip(measured, learnt.of, strict=True)]
    found = {
        label: [one for job, one in zip(jobs, done, strict=True) if job.label == label and isinstance(one, _Found)]
        for label in attacks
    }
    return Inverted(
        results={label: _result(entry, label, targets) for label, targets in found.items()},
        metrics={name: [one[name] for one in told] for name in told[0]},
        panels=_panels(records_of(cell, 0, context).shown, found, context),
        reconstructions={
            f"{label}/{number}/{name}": values
            for label, targets in found.items()
            for number, one in enumerate(targets)
            for name, values in _arrays(one).items()
        },
    )


def _check_surrogates(
    entry: InversionEntry, attacks: Mapping[str, Inversion], cell: Cell, image_shape: tuple[int, int, int]
) -> None:
    """Refuse to start from surrogates that the targets were not trained against."""
    starting = {label: attack for label, attack in attacks.items() if attack.surrogate_size is not None}
    for number in range(cell.manifest.targets) if starting else ():
        feature_shape = halves(cell.models([number])[0], entry.cut).feature_shape(image_shape)
        for label, attack in starting.items():
            try:
                attack.check_surrogate(cell.surrogates[number], feature_shape, image_shape)
            except ValueError as refused:
                raise UserError(f"attack of {entry.target}.inversions.{label}.{refused}") from None


def _inverted(
    entry: InversionEntry, attack: Inversion, label: str, cell: Cell, number: int, context: DataContext
) -> _Found:
    """Run one attack on one target; its random numbers hang on its label alone."""
    seed = (entry.seed, number, INVERT, zlib.crc32(label.encode()))
    attacked = target(cell, number, entry.cut, context, *seed, 0)
    own = plan(attack, attacked.pools, entry.images)
    victim = attacked.victim(own, context)
    made = attack(victim, generator(*seed, 1))
    quality = Quality.of(victim.targets(victim.scored), made.images)
    return _Found(
        images=(made.images * 255).round().to(torch.uint8).cpu().numpy(),
        records=own.scored.numpy(),
        quality=quality,
        released=quality.take(own.rows(own.released)),
        written=quality.take(own.rows(own.written)),
        known=len(own.known),
        history=dict(made.history),
    )


def _result(entry: InversionEntry, label: str, targets: Sequence[_Found]) -> dict[str, Any]:
    """Measure one attack on all targets, as a record holds it."""
    draws = np.random.default_rng([entry.seed, INVERT, zlib.crc32(label.encode())])
    metrics: dict[str, Any] = {}
    for ending, part in (("", "released"), ("_as_written", "written")):
        measured = measure([getattr(one, part) for one in targets], entry.resamples, draws)
        metrics |= {f"{name}{ending}": interval.as_record() for name, interval in measured.items()}
    history = {
        name: [list(epoch) for epoch in zip(*(one.history[name] for one in targets), strict=True)]
        for name in targets[0].history
    }
    records = {
        "known": min(one.known for one in targets),
        "scored": min(len(one.released.mse) for one in targets),
    }
    return {"kind": "inversion", "metrics": metrics, "history": history, "records": records}


def _panels(shown: Tensor, found: Mapping[str, Sequence[_Found]], context: DataContext) -> dict[str, str]:
    """Show the first target's images beside the originals; labels of attacks, and `original`."""
    records = shown.flatten()
    originals = context.dataset.images[records.to(context.device)].cpu()
    made = {
        label: panel(torch.from_numpy(targets[0].images), torch.from_numpy(targets[0].records), shown)
        for label, targets in found.items()
    }
    return {"original": panel(originals, records, shown), **made}


def _arrays(one: _Found) -> dict[str, Any]:
    """Return all that an attack made of one target's images, for the file beside the record."""
    return {"images": one.images, "records": one.records, **vars(one.quality)}
