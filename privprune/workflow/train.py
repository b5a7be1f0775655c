"""Train the networks of a cell: from scratch or from another cell, with a defence or without."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import torch
from torch import Tensor

from privprune.annotations import Key
from privprune.cells import Cell, Manifest
from privprune.checkpoints.store import NONE, Checkpoints
from privprune.checks import Check
from privprune.datasets.sources import DATA_VARIABLE, weights_file
from privprune.defences import (
    AnyDefence,
    DefenceSettings,
    build_defence,
    checks_of,
    import_slow_modules,
    output_of,
    starts_afresh,
)
from privprune.defences.defence import Defence
from privprune.errors import UserError, shown
from privprune.models import MODELS, load_pretrained, reseed
from privprune.models.layout import in_fast_layout
from privprune.progress.reporter import Progress
from privprune.randomness import Purpose, generator
from privprune.settings import Name, Stack
from privprune.training.divergence import told_with_seeds
from privprune.training.ensemble import Ensemble
from privprune.training.loop import TrainingPlan, train
from privprune.training.network_checks import network_checks
from privprune.training.tasks import task_of
from privprune.training.trained import Trained
from privprune.workflow.context import DataContext, NetworkSettings, check_same_data
from privprune.workflow.outputs import behind, without_output
from privprune.workflow.stacks import TrainingOutcome, group_name, surrogates_of, train_stacks
from privprune.workflow.utility import accuracy


@dataclass(frozen=True)
class TrainEntry:
    """An entry of the suite's `train` section.

    Attributes:
        paper: the paper whose row it belongs to.
        data: name of the dataset.
        network: the networks to train.
        plan: how they are trained.
        stack: how many networks run as one stack; more than 1 is faster for small networks only.

    """

    paper: Name
    data: str
    network: NetworkSettings
    plan: TrainingPlan
    stack: Stack

    def checks(self, trained: Trained) -> dict[str, tuple[Check, ...]]:
        """Check the finished training of the targets; published weights that are used as they are need none."""
        as_published = self.network.pretrained is not None and self.plan.epochs == 0
        return {"network": network_checks(trained, as_published=as_published, learns=MODELS[self.network.model].learns)}


@dataclass(frozen=True)
class HardenEntry:
    """An entry of the suite's `harden` section.

    Attributes:
        paper: the paper whose row it belongs to.
        data: name of the dataset.
        origin: `datasets/NAME` to train new networks with the defence, or `models/CELL` to continue from a cell.
        network: the new networks; null where the networks are those of a cell.
        defence: its settings.
        plan: how they are trained.
        keep_shadows: whether the shadow models of the cell are trained too, or its targets only; true for new networks.
        stack: how many networks run as one stack.

    """

    paper: Name
    data: str
    origin: Annotated[str, Key("from")]
    network: NetworkSettings | None = field(default=None, kw_only=True)
    defence: AnyDefence
    plan: TrainingPlan
    keep_shadows: bool
    stack: Stack

    def __post_init__(self) -> None:
        """Check that `from` and `network` name exactly one source of the networks."""
        check_origin(self.origin, self.data, "datasets", "models")
        if self.origin.startswith("datasets/") == (self.network is None):
            raise ValueError(f"network: needed exactly when `from` is a dataset, found from: {self.origin}")
        if self.network is not None and not self.keep_shadows:
            raise ValueError("keep_shadows: found false, allowed true with a network (or network.shadows: 0)")

    def checks(self, trained: Trained) -> dict[str, tuple[Check, ...]]:
        """Check the finished training of the targets, and their defence; a copy rests on the checks of its origin."""
        found = {"network": network_checks(trained), "defence": checks_of(self.defence, trained)}
        return {} if self.plan.epochs == 0 and self.network is None else found


def check_origin(origin: str, data: str, *kinds: str) -> None:
    """Check where an entry starts from.

    Args:
        origin: `KIND/NAME`.
        data: dataset of the entry.
        kinds: allowed kinds, `datasets` or `models`.

    Raises:
        ValueError: the origin is of another kind, or a dataset other than the entry's.

    """
    kind, _, name = origin.partition("/")
    if kind not in kinds or not name:
        raise ValueError(f"from: found {shown(origin)}, allowed {' or '.join(f'{kind}/NAME' for kind in kinds)}")
    if kind == "datasets" and name != data:
        raise ValueError(f"from: found {shown(origin)}, allowed datasets/{data} (the entry's data)")


def train_cell(
    entry: TrainEntry, context: DataContext, label: str, checkpoints: Checkpoints = NONE
) -> tuple[Cell, TrainingOutcome]:
    """Train the networks of a `train` entry.

    Args:
        entry: the networks and how to train them.
        context: the data.
        label: name of the cell in progress lines.
        checkpoints: where the work is stored, so that it can be resumed.

    Raises:
        UserError: the file of published weights that it starts from is missing or damaged.

    """
    manifest = context.manifest(entry.network)
    return _train_networks(manifest, context, entry.plan, entry.stack, None, None, label, checkpoints)


def harden_cell(
    entry: HardenEntry, context: DataContext, start: Cell | None, label: str, checkpoints: Checkpoints = NONE
) -> tuple[Cell, TrainingOutcome]:
    """Train the networks of a `harden` entry with its defence.

    Args:
        entry: the networks, the defence, and how to train.
        context: the data.
        start: the cell that it starts from; None for new networks.
        label: name of the cell in progress lines.
        checkpoints: where the work is stored, so that it can be resumed.

    Raises:
        UserError: the cell that it starts from was trained on other data.
        ValueError: the defence cannot be set up for these networks and data; the message starts with the setting.

    """
    output = output_of(entry.defence)
    if start is not None:
        check_same_data(start, context, f"from: {entry.origin}")
        output = output or (None if starts_afresh(entry.defence) else start.manifest.output)
        start = without_output(start if entry.keep_shadows else start.targets_only())
        manifest = start.manifest
    else:
        assert entry.network is not None  # noqa: S101 (checked when the entry was read)
        manifest = context.manifest(entry.network)
    cell, outcome = _train_networks(
        manifest, context, entry.plan, entry.stack, entry.defence, start, label, checkpoints
    )
    return behind(cell, output, context), outcome


def _train_networks(
    manifest: Manifest,
    context: DataContext,
    plan: TrainingPlan,
    stack: int,
    settings: DefenceSettings | None,
    start: Cell | None,
    label: str,
    checkpoints: Checkpoints,
) -> tuple[Cell, TrainingOutcome]:

    def work(group: Sequence[int]) -> TrainingOutcome:
        defence = Defence()
        if settings is not None:
            matched = _accuracy_of(start, context, group) if start is not None else None
            defence = build_defence(settings, context.defence_context(manifest, group, plan, matched))
        continued = start if start is not None and not defence.fresh else None
        return _train_group(
            manifest, context, plan, group, defence, continued, label, checkpoints.within(group_name(group))
        )

    import_slow_modules(settings)
    outcome = train_stacks(manifest.networks, stack, work, checkpoints)
    return Cell(manifest, outcome.states, outcome.masks, outcome.surrogates), outcome


def _train_group(
    manifest: Manifest,
    context: DataContext,
    plan: TrainingPlan,
    group: Sequence[int],
    defence: Defence,
    start: Cell | None,
    label: str,
    checkpoints: Checkpoints,
) -> TrainingOutcome:
    ensemble = ensemble_of(manifest, context, group, start)
    masks = start.stacked_masks(group) if start is not None else {}
    seeds = manifest.model_seeds()
    data = context.training_data(manifest, group)
    progress = Progress(progress_label(label, group), plan.epochs, data.indices.numel())
    with progress, told_with_seeds(label, [seeds[number] for number in group]):
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
            checkpoints=checkpoints,
        )
    if defence.finish is not None:
        defence.finish(ensemble)
    return TrainingOutcome(
        states=ensemble.state_dicts(),
        masks=[{name: mask[place] for name, mask in masks.items()} for place in range(len(group))],
        history=history,
        phases=(("train", plan.epochs),),
        measured=defence.measured(),
        surrogates=surrogates_of(defence),
    )


def ensemble_of(manifest: Manifest, context: DataContext, group: Sequence[int], start: Cell | None) -> Ensemble:
    """Build a group of networks, on the device.

    Args:
        manifest: what the networks are.
        context: the data.
        group: numbers of the networks.
        start: a cell with their weights; None for initial weights from their seeds, or published ones.

    Raises:
        UserError: the file of published weights is missing, damaged, or of another architecture.

    """
    seeds = manifest.model_seeds()
    if start is None:
        models = [manifest.fresh(generator(seeds[number], Purpose.INITIAL_WEIGHTS, number), number) for number in group]
        if manifest.pretrained is not None:
            for model in models:
                load_pretrained(model, manifest.model, _published_weights(manifest.pretrained))
    else:
        models = start.models(group)
    for model, number in zip(models, group, strict=True):
        reseed(model, generator(seeds[number], Purpose.RANDOM_LAYERS, number).initial_seed())
    return Ensemble([in_fast_layout(model.to(context.device)) for model in models])


def _published_weights(file: str) -> Path:
    """Return where a file of published weights lies: `$PRIVPRUNE_DATA/weights/<file>`.

    Raises:
        UserError: the variable is not set.

    """
    root = os.environ.get(DATA_VARIABLE)
    if not root:
        raise UserError(
            f"{DATA_VARIABLE} is not set, allowed a folder with weights/{file} "
            f"(published weights, from https://download.pytorch.org/models/{file})"
        )
    return weights_file(Path(root).expanduser(), file)


def progress_label(label: str, group: Sequence[int]) -> str:
    """Name a group of networks of a cell in progress lines."""
    return f"{label} {group_name(group)}"


def _accuracy_of(cell: Cell, context: DataContext, group: Sequence[int]) -> Tensor:
    """Measure the accuracy of some networks of a cell on their selection non-members, [networks]."""
    values = []
    for number in group:
        ensemble = Ensemble([cell.models([number])[0].to(context.device)])
        values.append(accuracy(ensemble, context.split(cell.manifest, number).selection_nonmembers, context))
    return torch.tensor(values)
