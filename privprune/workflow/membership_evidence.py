"""Gather what an attacker on membership may know: the answers of a cell's networks, sorted by record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from privprune.attacks.membership import Evidence, Outputs, Shadows, View, evidence_about
from privprune.cells import Cell
from privprune.errors import UserError
from privprune.randomness import Purpose, generator
from privprune.training.ensemble import Ensemble
from privprune.training.prediction import predict
from privprune.workflow.context import DataContext
from privprune.workflow.stacks import as_array, as_tensor
from privprune.workflow.workers import run_in_workers

_VALUES_AT_ONCE = 3_000_000  # pixel values whose noise is drawn at once, and that are queried at once
_NOISE_UNIT = 1e-6  # a view's noise enters its generator as a whole number of these


@dataclass(frozen=True)
class Queries:
    """The changed records that attacks ask for, besides each record as it is.

    Attributes:
        views: that targets are queried with, on the records on which attacks learn and are scored.
        shadow_views: that shadow models are queried with, on all records.
        seed: of the views' noise.

    """

    views: tuple[View, ...]
    shadow_views: tuple[View, ...]
    seed: int


NO_QUERIES = Queries((), (), 0)


def gather_evidence(
    cell: Cell, context: DataContext, queries: Queries = NO_QUERIES, companion: Cell | None = None
) -> list[Evidence]:
    """Query every network of a cell with the records, and sort the answers by what an attacker may know.

    The population of other non-members, which needs shadow models, is made of the reference records and of those that
    are in no pool: never of selection records, on which attacks are compared.

    Args:
        cell: the networks, all of which are shadow models of a target but itself, if the cell has shadow models.
        context: the data that they were trained on.
        queries: further queries with changed records.
        companion: networks that were released together with the targets; see `check_companion`.

    Returns:
        one per target.

    """
    manifest = cell.manifest
    logits = torch.stack(_answers(cell, context, range(manifest.networks)))
    labels = context.dataset.labels.cpu()
    members = torch.zeros(manifest.networks, len(labels), dtype=torch.bool)
    for number in range(manifest.networks):
        members[number, context.members(manifest, number)] = True
    beside = None if companion is None else _answers(companion, context, range(manifest.targets))
    shadows = _all_views(cell, context, queries) if manifest.shadows else {}
    evidences = []
    for target in range(manifest.targets):
        split = context.split(manifest, target)
        population = torch.cat([split.reference, split.spare]) if manifest.shadows else None
        found = evidence_about(target, logits, labels, split, members if manifest.shadows else None, population)
        outputs = Outputs(logits[target], labels, torch.arange(len(labels)))
        found = replace(
            found,
            selection_members=outputs.take(split.selection_members),
            selection_nonmembers=outputs.take(split.selection_nonmembers),
            shadows=_with_views(found.shadows, shadows, target),
        )
        evidences.append(found if beside is None else _on_all(found, _Companion(beside[target])))
    return evidences if not queries.views else _queried(evidences, cell, context, queries)


def check_companion(companion: Cell, cell: Cell, where: str) -> None:
    """Check that two cells have the same data, splits and seeds, so that their networks can be released together.

    Raises:
        UserError: they have not; the message begins with `where`.

    """
    for name in ("fingerprint", "protocol", "seeds", "reserve_reference"):
        found, wanted = getattr(companion.manifest, name), getattr(cell.manifest, name)
        if found != wanted:
            raise UserError(f"{where}: found networks with {name} {found}, allowed {wanted}, that of the target")


def _answers(cell: Cell, context: DataContext, numbers: Sequence[int]) -> list[Tensor]:
    """Compute the logits of some networks on all records, float [N, classes] each."""
    everything = torch.arange(len(context.dataset.labels), device=context.device)

    def work(number: int) -> object:
        return as_array(predict(_network(cell, context, number), context.dataset.images, everything)[0].cpu())

    return [as_tensor(output) for output in run_in_workers(work, numbers)]


def _network(cell: Cell, context: DataContext, number: int) -> Ensemble:
    return Ensemble([cell.models([number])[0].to(context.device).to(memory_format=torch.channels_last)])


@dataclass(frozen=True)
class _Companion:
    """Adds the answers of a network that was released together with the target, float [N, classes]."""

    logits: Tensor

    def __call__(self, outputs: Outputs) -> Outputs:
        return replace(outputs, companion=self.logits[outputs.positions])


@dataclass(frozen=True)
class _Views:
    """Adds the answers to changed records: view -> float16 [n, classes] on some records, row -> [N], -1 elsewhere."""

    answers: Mapping[View, Tensor]
    rows: Tensor

    def __call__(self, outputs: Outputs) -> Outputs:
        rows = self.rows[outputs.positions]
        return replace(outputs, views={view: answers[rows] for view, answers in self.answers.items()})


_POOLS = ("known_members", "known_nonmembers", "evaluation_members", "evaluation_nonmembers")
_SELECTION = ("selection_members", "selection_nonmembers")


def _on_all(evidence: Evidence, change: _Companion | _Views) -> Evidence:
    """Change the outputs on all records on which attacks learn or are scored."""
    changed: dict[str, Any] = {pool: change(getattr(evidence, pool)) for pool in (*_POOLS, *_SELECTION)}
    return replace(evidence, **changed)


def _queried(evidences: Sequence[Evidence], cell: Cell, context: DataContext, queries: Queries) -> list[Evidence]:
    """Query the targets with changed records: those on which attacks learn or are scored, no others."""
    needed = [
        torch.cat([getattr(evidence, pool).positions for pool in (*_POOLS, *_SELECTION)]).sort().values
        for evidence in evidences
    ]
    jobs = [(target, view) for target in range(len(evidences)) for view in queries.views]

    def work(job: tuple[int, View]) -> object:
        return as_array(_view(cell, context, job[0], job[1], needed[job[0]], queries.seed))

    answers = dict(zip(jobs, map(as_tensor, run_in_workers(work, jobs)), strict=True))
    changed = []
    for target, evidence in enumerate(evidences):
        rows = torch.full((len(context.dataset.labels),), -1)
        rows[needed[target]] = torch.arange(len(needed[target]))
        views = {view: answers[target, view] for view in queries.views}
        changed.append(_on_all(evidence, _Views(views, rows)))
    return changed


def _all_views(cell: Cell, context: DataContext, queries: Queries) -> dict[View, list[Tensor]]:
    """Query all networks, each of which is a shadow model of some target, with all records, changed."""
    networks = range(cell.manifest.networks)
    everything = torch.arange(len(context.dataset.labels))
    jobs = [(view, number) for view in queries.shadow_views for number in networks]

    def work(job: tuple[View, int]) -> object:
        return as_array(_view(cell, context, job[1], job[0], everything, queries.seed))

    answers = iter(map(as_tensor, run_in_workers(work, jobs)))
    return {view: [next(answers) for _ in networks] for view in queries.shadow_views}


def _with_views(shadows: Shadows | None, views: Mapping[View, Sequence[Tensor]], target: int) -> Shadows | None:
    """Add the answers to changed records of all networks but the target."""
    if shadows is None:
        return None
    others = {view: [one for number, one in enumerate(logits) if number != target] for view, logits in views.items()}
    return replace(shadows, views=others)


@torch.no_grad()
def _view(cell: Cell, context: DataContext, number: int, view: View, records: Tensor, seed: int) -> Tensor:
    """Query a network with changed records, int64 [n]: float16 [n, classes], each row minus its largest logit.

    A difference of logits is then exact to about 0.1 % of its size, and the memory half of that of float32.
    """
    details = (view.down, view.right, int(view.mirrored), round(view.noise / _NOISE_UNIT), view.draw)
    draw = generator(seed, Purpose.VIEWS, number, *details)
    network = _network(cell, context, number)
    network.train(mode=False)
    parts = []
    channels, height, width = context.image_shape
    for part in records.split(max(1, _VALUES_AT_ONCE // (channels * height * width))):
        logits = network(view.of(context.dataset.images[part.to(context.device)], draw)).float()
        parts.append((logits - logits.amax(1, keepdim=True)).half().cpu())
    return torch.cat(parts)
