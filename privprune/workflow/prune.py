"""Prune the networks of a cell and retrain them, choosing the sparsity by Algorithm 1's outer search if asked to.

Most methods find a mask under a budget, and the networks keep their shape. The soft mask has a threshold of its own,
after which channels and branches are removed: what is retrained is a smaller network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Annotated, Any

import torch

from privprune.attacks.choice import build_attack
from privprune.attacks.membership import MEMBERSHIP_ATTACKS, Outputs, attack_each, evidence_from_halves
from privprune.cells import NOISE, Cell, Manifest, generator
from privprune.defences import DefenceSettings, import_late, set_up
from privprune.defences.defence import Defence
from privprune.errors import UserError
from privprune.metrics.membership import gain
from privprune.models import BlockNet, prunable, reseed, structure_of
from privprune.progress.reporter import Progress
from privprune.pruning import (
    BudgetSettings,
    Candidate,
    Fit,
    PruningSettings,
    Removable,
    SearchSettings,
    SoftMaskSettings,
    check_threshold,
    choose_budget,
    count_kept,
    prune,
    soft_mask,
)
from privprune.settings import AtLeastOne, Key
from privprune.training.ensemble import Ensemble
from privprune.training.loop import History, Masks, Term, TrainingPlan, train
from privprune.training.prediction import predict
from privprune.training.tasks import task_of
from privprune.workflow.context import DataContext, check_same_data
from privprune.workflow.stacks import Outcome, one_after_another, part_of, side_by_side, surrogates_of
from privprune.workflow.train import check_origin, ensemble_of, group_label

PRUNING, GAIN = 5, 6  # purposes of generators


@dataclass(frozen=True)
class SearchEntry:
    """Algorithm 1's outer loop.

    Attributes:
        budgets: the candidates, and how much accuracy one may cost.
        inference: the attack whose gain is compared, on the selection records; a key `attack` names it.
        seed: of the inference network.

    """

    budgets: SearchSettings
    inference: dict[str, object]
    seed: int


@dataclass(frozen=True)
class PruneEntry:
    """An entry of the suite's `prune` section.

    Attributes:
        paper: the paper whose row it belongs to.
        data: name of the dataset.
        origin: `models/CELL`, the networks to prune.
        method: how the mask is found.
        budget: how many weights each layer keeps; null exactly for the soft mask, which has a threshold.
        search: choose the overall ratio by Algorithm 1, or null to take the budget's.
        defence: at work in all phases, as in "MIA-Pruning & Min-Max", or null.
        retrain: training of the masked or smaller networks at the end.
        keep_shadows: prune the shadow models too, or go on with the targets only.
        stack: how many networks run as one stack.

    """

    paper: str
    data: str
    origin: Annotated[str, Key("from")]
    method: PruningSettings
    budget: BudgetSettings | None
    search: SearchEntry | None
    defence: DefenceSettings | None
    retrain: TrainingPlan
    keep_shadows: bool
    stack: AtLeastOne

    def __post_init__(self) -> None:
        """Pruning starts from trained networks."""
        check_origin(self.origin, self.data, "models")
        removing = isinstance(self.method, SoftMaskSettings)
        if removing != (self.budget is None):
            found = "null" if self.budget is None else "one"
            raise ValueError(f"budget: found {found} with {self.method.name}, allowed null exactly for soft_mask")
        if removing and (self.search is not None or self.stack != 1):
            raise ValueError("search and stack: allowed null and 1 with soft_mask, whose networks differ in shape")
        if self.search is not None:
            build_attack(MEMBERSHIP_ATTACKS, self.search.inference, "search.inference")

    def check_layers(self, weights: dict[str, torch.Tensor], where: str) -> None:
        """Refuse a budget that the architecture has not the layers for.

        Raises:
            UserError: names the layer and those that there are.

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
class Pruned:
    """The pruned cell, how it came about, and the candidates of the search if there was one."""

    cell: Cell
    outcome: Outcome
    search: list[dict[str, Any]]


def prune_cell(entry: PruneEntry, context: DataContext, start: Cell, label: str) -> Pruned:
    """Prune all networks of a cell.

    Raises:
        UserError: the cell was trained on other data, or the budget does not fit its layers.
        ValueError: the defence cannot work on what it is given; says why.

    """
    check_same_data(start, context, f"from: {entry.origin}")
    start = start if entry.keep_shadows else start.targets_only()
    budget, work = entry.budget, partial(_remove_group, entry, context, start, label)
    search: list[dict[str, Any]] = []
    if entry.search is not None and budget is not None:
        budget, search = _search(entry, entry.search, budget, context, start, label)
    if budget is not None:
        work = partial(_prune_group, entry, budget, context, start, label)
    import_late(entry.defence)
    outcome = side_by_side(start.manifest.networks, entry.stack, work, context.checkpoints)
    manifest = replace(start.manifest, structures=outcome.structures or start.manifest.structures)
    return Pruned(Cell(manifest, outcome.states, outcome.masks, outcome.surrogates), outcome, search)


@dataclass(frozen=True)
class _Phases:
    """The training phases of one group of networks, all with the same records and generators."""

    context: DataContext
    manifest: Manifest
    group: Sequence[int]
    label: str
    generators: list[torch.Generator]
    histories: list[tuple[str, History]]

    def fit(self, ensemble: Ensemble, defence: Defence) -> Fit:
        """Return the training loop for these networks and this defence."""
        data = self.context.training_data(self.manifest, self.group)

        def run(phase: str, plan: TrainingPlan, terms: Sequence[Term], masks: Masks) -> None:
            progress = Progress(f"{group_label(self.label, self.group)} {phase}", plan.epochs, data.indices.numel())
            held = {name: mask.to(self.context.device) for name, mask in masks.items()}
            history = train(
                ensemble,
                data,
                plan,
                self.generators,
                terms=(*defence.terms, *terms),
                masks=held,
                reporter=progress,
                task=task_of(self.manifest.reidentification),
                checkpoints=self.context.checkpoints.within(part_of(self.group)),
                name=f"{len(self.histories)} {phase}",
            )
            self.histories.append((phase, history))
            progress.close()

        return run


def _phases(context: DataContext, manifest: Manifest, group: Sequence[int], label: str) -> _Phases:
    seeds = manifest.model_seeds()
    generators = [generator(seeds[number], number, PRUNING) for number in group]
    return _Phases(context, manifest, group, label, generators, [])


def _prune_group(
    entry: PruneEntry, budget: BudgetSettings, context: DataContext, start: Cell, label: str, group: Sequence[int]
) -> Outcome:
    assert not isinstance(entry.method, SoftMaskSettings)  # noqa: S101 (it has no budget)
    ensemble = ensemble_of(start.manifest, context, group, start)
    counts = count_kept(budget, prunable(start.models(group[:1])[0]))
    defence, phases = (
        _defence(entry, entry.retrain, context, start, group),
        _phases(context, start.manifest, group, label),
    )
    mask = prune(entry.method, ensemble, counts, entry.retrain, phases.fit(ensemble, defence), phases.generators)
    history, lengths = one_after_another(phases.histories)
    masks = [{name: kept.cpu() for name, kept in mask.of(place).items()} for place in range(len(group))]
    return Outcome(ensemble.state_dicts(), masks, history, lengths, defence.measured(), surrogates_of(defence))


def _remove_group(entry: PruneEntry, context: DataContext, start: Cell, label: str, group: Sequence[int]) -> Outcome:
    """Train one network with its masks, remove what they say, and retrain the smaller one with the defence afresh."""
    assert isinstance(entry.method, SoftMaskSettings)  # noqa: S101 (the others have a budget)
    manifest, (number,) = start.manifest, group
    ensemble, phases = ensemble_of(manifest, context, group, start), _phases(context, manifest, group, label)
    fit = phases.fit(ensemble, _defence(entry, entry.method.plan, context, start, group))
    dense = manifest.fresh(torch.Generator())
    removed = soft_mask(entry.method, ensemble, dense, context.image_shape, fit)
    model = removed.model.to(context.device).to(memory_format=torch.channels_last)
    reseed(model, generator(manifest.model_seeds()[number], number, NOISE).initial_seed())
    smaller = Ensemble([model])
    defence = _defence(entry, entry.retrain, context, start, group)
    phases.fit(smaller, defence)("retrain", entry.retrain, (), {})
    history, lengths = one_after_another(phases.histories)
    return Outcome(
        states=smaller.state_dicts(),
        masks=[{}],
        history=history,
        phases=lengths,
        measured={**defence.measured(), **{name: [value] for name, value in removed.measured.items()}},
        surrogates=surrogates_of(defence),
        structures=(structure_of(dense, removed.model),),
    )


def check_removal(method: PruningSettings, parts: Removable, model: BlockNet) -> None:
    """Hold a soft mask against an architecture, before anything is trained; other methods are let through.

    Args:
        method: of pruning.
        parts: what can be removed of the network.
        model: a network like the cell's, with any weights.

    Raises:
        ValueError: there is nothing that it could remove, or less than its share.

    """
    if isinstance(method, SoftMaskSettings):
        check_threshold(method.threshold, parts.only(method.structures), model)


def _defence(entry: PruneEntry, plan: TrainingPlan, context: DataContext, start: Cell, group: Sequence[int]) -> Defence:
    """Set the entry's defence up for one phase or, under a mask, for all of them."""
    if entry.defence is None:
        return Defence()
    defence = set_up(entry.defence, context.defence_context(start.manifest, group, plan, None))
    if defence.transform is not None or defence.finish is not None:
        raise ValueError(f"defence: found {entry.defence.name}, allowed in pruning: terms of the loss, such as min_max")
    return defence


def _search(
    entry: PruneEntry, search: SearchEntry, budget: BudgetSettings, context: DataContext, start: Cell, label: str
) -> tuple[BudgetSettings, list[dict[str, Any]]]:
    """Prune the targets at every candidate ratio, and take the one whose gain on the selection records is least."""
    targets, candidates = start.manifest.targets, []
    for ratio in search.budgets.ratios:
        own = context.within(f"at {ratio:g}x")
        work = partial(_prune_group, entry, budget.at_ratio(ratio), own, start, f"{label} at {ratio:g}x")
        outcome = side_by_side(targets, entry.stack, work, own.checkpoints)
        cell = Cell(start.manifest, outcome.states, outcome.masks)
        candidates.append(own.checkpoints.done("judged", partial(_judged, ratio, cell, search, own)))
    dense = _judged(1.0, start, search, context)
    choice = choose_budget(candidates, dense.selection_accuracy, search.budgets.largest_drop)
    rows = [{**asdict(one), "chosen": one is choice.candidate, "within_drop": choice.within_drop} for one in candidates]
    dense_row = {**asdict(dense), "chosen": False, "within_drop": True}
    return budget.at_ratio(choice.candidate.ratio), [dense_row, *rows]


def _judged(ratio: float, cell: Cell, search: SearchEntry, context: DataContext) -> Candidate:
    """Accuracy and gain of a cell's targets on the selection records (MIA-Pruning, Equation 1)."""
    attack = build_attack(MEMBERSHIP_ATTACKS, search.inference, "search.inference")
    accuracies, evidences = [], []
    for number in range(cell.manifest.targets):
        own = context.split(cell.manifest, number)
        ensemble = Ensemble([cell.models([number])[0].to(context.device)])
        accuracies.append(context.accuracy(ensemble, own.selection_nonmembers))
        pools = [_outputs(ensemble, context, records) for records in (own.selection_members, own.selection_nonmembers)]
        evidences.append(evidence_from_halves(*pools))
    generators = [generator(search.seed, number, GAIN) for number in range(len(evidences))]
    gains = [gain(scores.members, scores.nonmembers) for scores in attack_each(attack, evidences, generators)]
    return Candidate(ratio, tuple(accuracies), tuple(gains))


def _outputs(ensemble: Ensemble, context: DataContext, records: torch.Tensor) -> Outputs:
    there = records.to(context.device)
    return Outputs(
        predict(ensemble, context.dataset.images, there)[0].cpu(), context.dataset.labels[there].cpu(), records
    )
