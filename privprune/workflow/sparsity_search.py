"""Choose the sparsity of a cell: the outer loop of Algorithm 1 of MIA-Pruning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch

from privprune.attacks.choice import build_attack
from privprune.attacks.membership import MEMBERSHIP_ATTACKS, Outputs, attack_each, evidence_from_halves
from privprune.cells import Cell
from privprune.checkpoints.store import Checkpoints
from privprune.metrics.membership import gain
from privprune.pruning import BudgetSettings, Candidate, SearchSettings, choose_budget
from privprune.randomness import Purpose, generator
from privprune.training.ensemble import Ensemble
from privprune.training.prediction import predict
from privprune.workflow.context import DataContext
from privprune.workflow.utility import accuracy


@dataclass(frozen=True)
class SearchEntry:
    """The search for a sparsity (MIA-Pruning, Algorithm 1, outer loop).

    Attributes:
        budgets: the candidate ratios, and how much accuracy may be lost.
        inference: settings of the membership attack whose gain on the selection records is minimised; a key `attack`
            names it.
        seed: of the attack network.

    """

    budgets: SearchSettings
    inference: dict[str, object]
    seed: int


def search_budget(
    search: SearchEntry,
    budget: BudgetSettings,
    start: Cell,
    context: DataContext,
    prune_targets: Callable[[float, Checkpoints], Cell],
    checkpoints: Checkpoints,
) -> tuple[BudgetSettings, list[dict[str, Any]]]:
    """Prune the targets at every candidate ratio, and choose the ratio with the least gain on the selection records.

    Args:
        search: the candidates, and the attack that measures the gain.
        budget: how many weights each layer keeps at a ratio.
        start: the dense cell.
        context: the data.
        prune_targets: returns the targets of the cell, pruned at a ratio.
        checkpoints: where the candidates are stored.

    Returns:
        the budget at the chosen ratio, and the rows of the record: the dense cell first, then each candidate.

    """
    candidates = []
    for ratio in search.budgets.ratios:
        stored = checkpoints.within(f"at {ratio:g}x")
        cell = prune_targets(ratio, stored)
        candidates.append(stored.done("candidate", partial(_measure_candidate, ratio, cell, search, context)))
    dense = _measure_candidate(1.0, start, search, context)
    choice = choose_budget(candidates, dense.selection_accuracy, search.budgets.largest_drop)
    rows = [{**asdict(one), "chosen": one is choice.candidate, "within_drop": choice.within_drop} for one in candidates]
    dense_row = {**asdict(dense), "chosen": False, "within_drop": True}
    return budget.at_ratio(choice.candidate.ratio), [dense_row, *rows]


def _measure_candidate(ratio: float, cell: Cell, search: SearchEntry, context: DataContext) -> Candidate:
    """Measure accuracy and gain of a cell's targets on the selection records (MIA-Pruning, Equation 1)."""
    attack = build_attack(MEMBERSHIP_ATTACKS, search.inference, "search.inference")
    accuracies, evidences = [], []
    for number in range(cell.manifest.targets):
        split = context.split(cell.manifest, number)
        ensemble = Ensemble([cell.models([number])[0].to(context.device)])
        accuracies.append(accuracy(ensemble, split.selection_nonmembers, context))
        members, nonmembers = (
            _outputs(ensemble, context, records) for records in (split.selection_members, split.selection_nonmembers)
        )
        evidences.append(evidence_from_halves(members, nonmembers))
    generators = [generator(search.seed, Purpose.SEARCH_GAIN, number) for number in range(len(evidences))]
    gains = [gain(scores.members, scores.nonmembers) for scores in attack_each(attack, evidences, generators)]
    return Candidate(ratio, tuple(accuracies), tuple(gains))


def _outputs(ensemble: Ensemble, context: DataContext, records: torch.Tensor) -> Outputs:
    """Compute the logits of a single network on some records."""
    on_device = records.to(context.device)
    logits = predict(ensemble, context.dataset.images, on_device)[0].cpu()
    return Outputs(logits, context.dataset.labels[on_device].cpu(), records)
