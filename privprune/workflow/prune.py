"""Prune the networks of a cell and retrain them; the sparsity is given, or chosen by Algorithm 1 of MIA-Pruning.

Most methods find a mask under a budget, and the networks keep their shape. The soft mask has a threshold instead of a
budget: channels and branches below it are removed, and the smaller network is retrained.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated, Any

import torch

from privprune.annotations import Key, OneOf
from privprune.attacks.choice import build_attack
from privprune.attacks.membership import MEMBERSHIP_ATTACKS
from privprune.cells import Cell, Manifest
from privprune.checkpoints.store import NONE, Checkpoints
from privprune.checks import Check
from privprune.defences import AnyDefence, build_defence, checks_of, import_slow_modules, output_of
from privprune.defences.defence import Defence
from privprune.errors import UserError
from privprune.models import BlockNet, prunable, reseed, structure_of
from privprune.models.layout import in_fast_layout
from privprune.models.output import OutputSettings
from privprune.progress.reporter import Progress
from privprune.pruning import (
    BudgetSettings,
    Fit,
    PruningSettings,
    count_kept,
    prune,
    pruning_checks,
    pruning_settings,
    removal_method,
    removal_methods,
)
from privprune.randomness import Purpose, generator
from privprune.settings import Name, Stack
from privprune.training.divergence import told_with_seeds
from privprune.training.ensemble import Ensemble
from privprune.training.loop import History, Masks, Term, TrainingPlan, train
from privprune.training.network_checks import network_checks
from privprune.training.tasks import task_of
from privprune.training.trained import Trained
from privprune.workflow.context import DataContext, check_same_data
from privprune.workflow.outputs import behind, without_output
from privprune.workflow.sparsity_search import MARGIN, SearchEntry, search_budget, search_check
from privprune.workflow.stacks import TrainingOutcome, group_name, join_phases, surrogates_of, train_stacks
from privprune.workflow.train import check_origin, ensemble_of, progress_label
from privprune.workflow.utility import on_unseen_records


@dataclass(frozen=True)
class PruneEntry:
    """An entry of the suite's `prune` section.

    Attributes:
        paper: the paper whose row it belongs to.
        data: name of the dataset.
        origin: `models/CELL`, the networks to prune.
        method: how the mask is found.
        budget: how many weights each layer keeps; null exactly for the soft mask, which has a threshold.
        search: how the overall ratio is chosen; null to take the ratio of the budget.
        defence: adds its loss terms in all phases, as in "MIA-Pruning & Min-Max"; null for none.
        retrain: training of the masked or smaller networks at the end.
        keep_shadows: whether the shadow models are pruned too, or the targets only.
        stack: how many networks run as one stack.

    """

    paper: Name
    data: str
    origin: Annotated[str, Key("from")]
    method: Annotated[PruningSettings, OneOf(pruning_settings)]
    budget: BudgetSettings | None
    search: SearchEntry | None = field(default=None, kw_only=True)
    defence: AnyDefence | None = field(default=None, kw_only=True)
    retrain: TrainingPlan
    keep_shadows: bool
    stack: Stack

    def __post_init__(self) -> None:
        """Check that the settings fit each other, and that pruning starts from a cell."""
        check_origin(self.origin, self.data, "models")
        name, removing = self.method.name, removal_method(self.method) is not None
        if removing != (self.budget is None):
            found = "null" if self.budget is None else "one"
            removals = ", ".join(removal_methods())
            raise ValueError(f"budget: found {found} with {name}, allowed null exactly for {removals}")
        if removing and (self.search is not None or self.stack != 1):
            raise ValueError(f"search and stack: allowed null and 1 with {name}, whose networks differ in shape")
        if self.search is not None:
            build_attack(MEMBERSHIP_ATTACKS, self.search.inference, "search.inference")

    def checks(self, trained: Trained) -> dict[str, tuple[Check, ...]]:
        """Check the finished training of the targets, their defence, and what the method did."""
        found = (*pruning_checks(self.method, trained), *(() if self.search is None else (search_check(trained),)))
        return {"network": network_checks(trained), "defence": checks_of(self.defence, trained), "pruning": found}

    def check_layers(self, weights: dict[str, torch.Tensor], where: str) -> None:
        """Check that the architecture has the layers that the budget names.

        Args:
            weights: prunable weights of the network by name; shapes only are used.
            where: place of the entry, for the message.

        Raises:
            UserError: names the unknown layer, and the layers of the network.

        """
        if self.budget is None:
            return
        ratios = self.search.budgets.ratios if self.search is not None else (self.budget.ratio,)
        for ratio in ratios:
            try:
                count_kept(self.budget if ratio is None else self.budget.at_ratio(ratio), weights)
            except UserError as refused:
                raise UserError(f"{where}.{refused}") from None


@dataclass(frozen=True)
class PruningResult:
    """What pruning a cell gave.

    Attributes:
        cell: the pruned networks.
        outcome: history and measurements of pruning and retraining.
        search: rows of the record, one per candidate ratio, the dense cell first; empty without a search.

    """

    cell: Cell
    outcome: TrainingOutcome
    search: list[dict[str, Any]]


def prune_cell(
    entry: PruneEntry, context: DataContext, start: Cell, label: str, checkpoints: Checkpoints = NONE
) -> PruningResult:
    """Prune all networks of a cell.

    Args:
        entry: how to prune and retrain.
        context: the data.
        start: the cell to prune.
        label: name of the pruned cell in progress lines.
        checkpoints: where the work is stored, so that it can be resumed.

    Raises:
        UserError: the cell was trained on other data, or the budget does not fit its layers.
        ValueError: the defence or the method cannot be used on these networks; the message starts with the setting.

    """
    check_same_data(start, context, f"from: {entry.origin}")
    dense = start if entry.keep_shadows else start.targets_only()
    output, start = output_of(entry.defence) or dense.manifest.output, without_output(dense)
    budget, work = entry.budget, partial(_remove_group, entry, context, start, label, checkpoints)
    search: list[dict[str, Any]] = []
    margin: dict[str, list[float]] = {}
    if entry.search is not None and budget is not None:
        prune_targets = partial(_prune_targets, entry, budget, context, start, output, label)
        budget, search, apart = search_budget(entry.search, budget, dense, context, prune_targets, checkpoints)
        margin = {MARGIN: [apart] * start.manifest.networks} if math.isfinite(apart) else {}
    if budget is not None:
        work = partial(_prune_group, entry, budget, context, start, label, checkpoints)
    import_slow_modules(entry.defence)
    outcome = train_stacks(start.manifest.networks, entry.stack, work, checkpoints)
    outcome = replace(outcome, measured={**outcome.measured, **margin})
    manifest = replace(start.manifest, structures=outcome.structures or start.manifest.structures)
    cell = Cell(manifest, outcome.states, outcome.masks, outcome.surrogates)
    return PruningResult(behind(cell, output, context), outcome, search)


@dataclass(frozen=True)
class _Phases:
    """The training phases of one group of networks, all with the same records and generators."""

    context: DataContext
    manifest: Manifest
    group: Sequence[int]
    label: str
    checkpoints: Checkpoints
    generators: list[torch.Generator]
    histories: list[tuple[str, History]]

    def fit(self, ensemble: Ensemble, defence: Defence) -> Fit:
        """Return the training loop for these networks and this defence."""
        data, seeds = self.context.training_data(self.manifest, self.group), self.manifest.model_seeds()

        def run(phase: str, plan: TrainingPlan, terms: Sequence[Term], masks: Masks) -> None:
            progress = Progress(f"{progress_label(self.label, self.group)} {phase}", plan.epochs, data.indices.numel())
            with progress, told_with_seeds(self.label, [seeds[number] for number in self.group]):
                history = train(
                    ensemble,
                    data,
                    plan,
                    self.generators,
                    terms=(*defence.terms, *terms),
                    masks={name: mask.to(self.context.device) for name, mask in masks.items()},
                    reporter=progress,
                    task=task_of(self.manifest.reidentification),
                    checkpoints=self.checkpoints,
                    name=f"{len(self.histories)} {phase}",
                )
            self.histories.append((phase, history))

        return run


def _phases(
    context: DataContext, manifest: Manifest, group: Sequence[int], label: str, checkpoints: Checkpoints
) -> _Phases:
    seeds = manifest.model_seeds()
    generators = [generator(seeds[number], Purpose.PRUNING, number) for number in group]
    return _Phases(context, manifest, group, label, checkpoints.within(group_name(group)), generators, [])


def _prune_group(
    entry: PruneEntry,
    budget: BudgetSettings,
    context: DataContext,
    start: Cell,
    label: str,
    checkpoints: Checkpoints,
    group: Sequence[int],
) -> TrainingOutcome:
    ensemble = ensemble_of(start.manifest, context, group, start)
    counts = count_kept(budget, prunable(start.models(group[:1])[0]))
    defence = _defence(entry, entry.retrain, context, start, group)
    phases = _phases(context, start.manifest, group, label, checkpoints)
    mask = prune(entry.method, ensemble, counts, entry.retrain, phases.fit(ensemble, defence), phases.generators)
    history, lengths = join_phases(phases.histories)
    masks = [{name: kept.cpu() for name, kept in mask.of(place).items()} for place in range(len(group))]
    return TrainingOutcome(ensemble.state_dicts(), masks, history, lengths, defence.measured(), surrogates_of(defence))


def _prune_targets(
    entry: PruneEntry,
    budget: BudgetSettings,
    context: DataContext,
    start: Cell,
    output: OutputSettings | None,
    label: str,
    ratio: float,
    checkpoints: Checkpoints,
) -> Cell:
    """Prune the targets of a cell at a candidate ratio of the search."""
    work = partial(_prune_group, entry, budget.at_ratio(ratio), context, start, f"{label} at {ratio:g}x", checkpoints)
    outcome = train_stacks(start.manifest.targets, entry.stack, work, checkpoints)
    return behind(Cell(start.manifest, outcome.states, outcome.masks).targets_only(), output, context)


def _remove_group(
    entry: PruneEntry, context: DataContext, start: Cell, label: str, checkpoints: Checkpoints, group: Sequence[int]
) -> TrainingOutcome:
    """Train one network with soft masks, remove what they select, and retrain the rest with the defence set up anew."""
    method, manifest, (number,) = removal_method(entry.method), start.manifest, group
    assert method is not None  # noqa: S101 (methods that find a mask have a budget)
    ensemble = ensemble_of(manifest, context, group, start)
    phases = _phases(context, manifest, group, label, checkpoints)
    fit = phases.fit(ensemble, _defence(entry, method.plan(entry.method), context, start, group))
    dense, whole = manifest.fresh(torch.Generator()), ensemble.module
    assert isinstance(whole, BlockNet)  # noqa: S101 (a network with a cut is never a stack)
    teacher = copy.deepcopy(whole)
    removed = method.remove(entry.method, ensemble, dense, context.image_shape, fit)  # folds the masks into `whole`
    unseen = {
        f"{metric}_{when}_removal": value
        for when, network in (("before", whole), ("after", removed.model.to(context.device)))
        for metric, value in on_unseen_records(manifest, network, number, context).items()
    }
    model = in_fast_layout(removed.model)
    reseed(model, generator(manifest.model_seeds()[number], Purpose.RANDOM_LAYERS, number).initial_seed())
    smaller = Ensemble([model])
    defence = _defence(entry, entry.retrain, context, start, group)
    phases.fit(smaller, defence)("retrain", entry.retrain, method.retraining(entry.method, teacher), {})
    history, lengths = join_phases(phases.histories)
    return TrainingOutcome(
        states=smaller.state_dicts(),
        masks=[{}],
        history=history,
        phases=lengths,
        measured={**defence.measured(), **{name: [value] for name, value in {**removed.measured, **unseen}.items()}},
        surrogates=surrogates_of(defence),
        structures=(structure_of(dense, removed.model),),
    )


def _defence(entry: PruneEntry, plan: TrainingPlan, context: DataContext, start: Cell, group: Sequence[int]) -> Defence:
    """Set up the defence of the entry: for all phases under a mask, or for one phase where channels are removed."""
    if entry.defence is None:
        return Defence()
    defence = build_defence(entry.defence, context.defence_context(start.manifest, group, plan, None))
    if defence.transform is not None or defence.finish is not None:
        raise ValueError(f"defence: found {entry.defence.name}, allowed in pruning: terms of the loss, such as min_max")
    return defence
