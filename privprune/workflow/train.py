"""Train the networks of a cell: from scratch or from another cell, with a defence or without."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from torch import Tensor

from privprune.cells import Cell, Manifest
from privprune.datasets.source import VARIABLE
from privprune.defences import DefenceSettings, import_late, set_up
from privprune.defences.defence import Defence
from privprune.errors import UserError
from privprune.models import load_pretrained, reseed
from privprune.progress.reporter import Progress
from privprune.randomness import Purpose, generator
from privprune.settings import AtLeastOne, Key
from privprune.training.ensemble import Ensemble
from privprune.training.loop import TrainingPlan, train
from privprune.training.tasks import task_of
from privprune.workflow.context import DataContext, NetworkSettings, check_same_data
from privprune.workflow.stacks import Outcome, part_of, side_by_side, surrogates_of


@dataclass(frozen=True)
class TrainEntry:
    """An entry of the suite's `train` section.

    Attributes:
        paper: the paper whose row it belongs to.
        data: name of the dataset.
        network: the networks to train.
        plan: how.
        stack: how many networks run as one stack; more than 1 pays for small nets only.

    """

    paper: str
    data: str
    network: NetworkSettings
    plan: TrainingPlan
    stack: AtLeastOne


@dataclass(frozen=True)
class HardenEntry:
    """An entry of the suite's `harden` section.

    Attributes:
        paper: the paper whose row it belongs to.
        data: name of the dataset.
        origin: `datasets/NAME` for a defence that is there from the first step, or `models/CELL`.
        network: the networks, where they start from a dataset; else null, they are the cell's.
        defence: its settings.
        plan: how to train.
        keep_shadows: train the cell's shadow models too, or go on with its targets only; true from a dataset.
        stack: how many networks run as one stack.

    """

    paper: str
    data: str
    origin: Annotated[str, Key("from")]
    network: NetworkSettings | None
    defence: DefenceSettings
    plan: TrainingPlan
    keep_shadows: bool
    stack: AtLeastOne

    def __post_init__(self) -> None:
        """Say where the networks come from once, not twice and not never."""
        check_origin(self.origin, self.data, "datasets", "models")
        if self.origin.startswith("datasets/") == (self.network is None):
            raise ValueError(f"network: needed exactly when `from` is a dataset, found from: {self.origin}")
        if self.network is not None and not self.keep_shadows:
            raise ValueError("keep_shadows: found false, allowed true with a network (or network.shadows: 0)")


def check_origin(origin: str, data: str, *kinds: str) -> None:
    """Refuse an origin that is neither of the kinds, or a dataset other than the entry's own.

    Raises:
        ValueError: says what was found and what is allowed.

    """
    kind, _, name = origin.partition("/")
    if kind not in kinds or not name:
        raise ValueError(f"from: found {origin!r}, allowed {' or '.join(f'{kind}/NAME' for kind in kinds)}")
    if kind == "datasets" and name != data:
        raise ValueError(f"from: found {origin!r}, allowed datasets/{data} (the entry's data)")


def train_cell(entry: TrainEntry, context: DataContext, label: str) -> tuple[Cell, Outcome]:
    """Train the networks of a `train` entry."""
    manifest = context.manifest(entry.network)
    return _run(manifest, context, entry.plan, entry.stack, None, None, label)


def harden_cell(entry: HardenEntry, context: DataContext, start: Cell | None, label: str) -> tuple[Cell, Outcome]:
    """Train the networks of a `harden` entry.

    Raises:
        UserError: the cell that it starts from was trained on other data.
        ValueError: the defence cannot work on what it is given; says why.

    """
    if start is not None:
        check_same_data(start, context, f"from: {entry.origin}")
        start = start if entry.keep_shadows else start.targets_only()
        manifest = start.manifest
    else:
        assert entry.network is not None  # noqa: S101 (checked when the entry was read)
        manifest = context.manifest(entry.network)
    return _run(manifest, context, entry.plan, entry.stack, entry.defence, start, label)


def _run(
    manifest: Manifest,
    context: DataContext,
    plan: TrainingPlan,
    stack: int,
    settings: DefenceSettings | None,
    start: Cell | None,
    label: str,
) -> tuple[Cell, Outcome]:

    def work(group: Sequence[int]) -> Outcome:
        defence = Defence()
        if settings is not None:
            matched = _accuracy_of(start, context, group) if start is not None else None
            defence = set_up(settings, context.defence_context(manifest, group, plan, matched))
        continued = start if start is not None and not defence.fresh else None
        return _train_group(manifest, context, plan, group, defence, continued, label)

    import_late(settings)
    outcome = side_by_side(manifest.networks, stack, work, context.checkpoints)
    return Cell(manifest, outcome.states, outcome.masks, outcome.surrogates), outcome


def _train_group(
    manifest: Manifest,
    context: DataContext,
    plan: TrainingPlan,
    group: Sequence[int],
    defence: Defence,
    start: Cell | None,
    label: str,
) -> Outcome:
    ensemble = ensemble_of(manifest, context, group, start)
    masks = start.stacked_masks(group) if start is not None else {}
    seeds = manifest.model_seeds()
    data = context.training_data(manifest, group)
    progress = Progress(group_label(label, group), plan.epochs, data.indices.numel())
    history = train(
        ensemble,
        data,
        plan,
        [generator(seeds[number], Purpose.RECORD_ORDER, number) for number in group],
        terms=defence.terms,
        masks={name: mask.to(context.device) for name, mask in masks.items()},
        transform=defence.transform,
        reporter=progress,
        task=task_of(manifest.reidentification),
        checkpoints=context.checkpoints.within(part_of(group)),
    )
    progress.close()
    if defence.finish is not None:
        defence.finish(ensemble)
    return Outcome(
        states=ensemble.state_dicts(),
        masks=[{name: mask[place] for name, mask in masks.items()} for place in range(len(group))],
        history=history,
        phases=(("train", plan.epochs),),
        measured=defence.measured(),
        surrogates=surrogates_of(defence),
    )


def ensemble_of(manifest: Manifest, context: DataContext, group: Sequence[int], start: Cell | None) -> Ensemble:
    """Build a group of networks: fresh from their seeds, from published weights, or as the cell left them.

    Raises:
        UserError: the file of published weights is missing, damaged, or of another architecture.

    """
    seeds = manifest.model_seeds()
    if start is None:
        models = [manifest.fresh(generator(seeds[number], Purpose.INITIAL_WEIGHTS, number), number) for number in group]
        if manifest.pretrained is not None:
            for model in models:
                load_pretrained(model, manifest.model, _checkpoint(manifest.pretrained))
    else:
        models = start.models(group)
    for model, number in zip(models, group, strict=True):
        reseed(model, generator(seeds[number], Purpose.RANDOM_LAYERS, number).initial_seed())
    return Ensemble([model.to(context.device).to(memory_format=torch.channels_last) for model in models])


def _checkpoint(file: str) -> Path:
    """Say where a file of published weights lies: `$PRIVPRUNE_DATA/checkpoints/<file>`."""
    root = os.environ.get(VARIABLE)
    if not root:
        raise UserError(
            f"{VARIABLE} is not set, allowed a folder with checkpoints/{file} "
            f"(published weights, from https://download.pytorch.org/models/{file})"
        )
    return Path(root).expanduser() / "checkpoints" / file


def group_label(label: str, group: Sequence[int]) -> str:
    """Name a group of networks for its progress lines."""
    return f"{label} {part_of(group)}"


def _accuracy_of(cell: Cell, context: DataContext, group: Sequence[int]) -> Tensor:
    """Accuracy of a cell's networks on their selection records, [networks]."""
    values = []
    for number in group:
        ensemble = Ensemble([cell.models([number])[0].to(context.device)])
        values.append(context.accuracy(ensemble, context.split(cell.manifest, number).selection_nonmembers))
    return torch.tensor(values)
