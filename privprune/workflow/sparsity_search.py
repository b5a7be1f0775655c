"""Choose the sparsity of a cell: the outer loop of Algorithm 1 of MIA-Pruning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from statistics import fmean
from typing import Any

import torch

from privprune.attacks.choice import build_attack
from privprune.attacks.membership import MEMBERSHIP_ATTACKS, Evidence, Outputs, attack_each, evidence_from_halves
from privprune.attacks.membership.signals import scaled_confidence
from privprune.cells import Cell
from privprune.checkpoints.store import Checkpoints
from privprune.checks import Check, check
from privprune.metrics.calibration import calibration
from privprune.metrics.membership import Scores, gain, gain_error
from privprune.models.nasr import GUESSING
from privprune.pruning import BudgetSettings, Candidate, SearchSettings, choose_budget
from privprune.pruning.search import LEAST_MARGIN, standard_error
from privprune.randomness import Purpose, generator
from privprune.settings import Seed
from privprune.training.ensemble import Ensemble
from privprune.training.prediction import predict
from privprune.training.trained import Trained
from privprune.workflow.context import DataContext
from privprune.workflow.utility import accuracy

MARGIN = "search_margin"  # the metric of a cell that was searched for


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
    seed: Seed


def search_budget(
    search: SearchEntry,
    budget: BudgetSettings,
    start: Cell,
    context: DataContext,
    prune_targets: Callable[[float, Checkpoints], Cell],
    checkpoints: Checkpoints,
) -> tuple[BudgetSettings, list[dict[str, Any]], float]:
    """Prune the targets at every candidate ratio, and choose the ratio with the least gain on the selection records.

    Args:
        search: the candidates, and the attack that measures the gain.
        budget: how many weights each layer keeps at a ratio.
        start: the dense cell.
        context: the data.
        prune_targets: returns the targets of the cell, pruned at a ratio.
        checkpoints: where the candidates are stored.

    Returns:
        the budget at the chosen ratio, the rows of the record, the dense cell first, then each candidate, and the
        margin of the choice (`pruning.search.Choice`).

    """
    candidates = []
    for ratio in search.budgets.ratios:
        stored = checkpoints.within(f"at {ratio:g}x")
        cell = prune_targets(ratio, stored)
        candidates.append(stored.done("candidate", partial(_measure_candidate, ratio, cell, search, context)))
    dense = _measure_candidate(1.0, start, search, context)
    choice = choose_budget(candidates, dense.selection_accuracy, search.budgets.largest_drop)
    rows = [
        {
            **asdict(one),
            "tie": len(choice.ties) > 1 and one in choice.ties,
            "chosen": one is choice.candidate,
            "within_drop": choice.within_drop,
        }
        for one in candidates
    ]
    dense_row = {**asdict(dense), "tie": False, "chosen": False, "within_drop": True}
    return budget.at_ratio(choice.candidate.ratio), [dense_row, *rows], choice.margin


def search_check(trained: Trained) -> Check:
    """Check that the smallest gain is smaller than the others by more than a standard error: not chosen by noise."""
    reason = "standard errors by which the smallest gain is below the next, among the candidates accurate enough"
    return check(
        "differences above one standard error", trained.measured.get(MARGIN, ()), "above", LEAST_MARGIN, reason
    )


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
    own = attack_each(attack, evidences, generators)
    name = str(search.inference["attack"])
    gains, error, stronger = max(
        (_gains(own, name), _gains([_by_confidence(one) for one in evidences], "confidence")),
        key=lambda found: fmean(found[0]),
    )
    return Candidate(ratio, tuple(accuracies), gains, error, stronger)


def _gains(scores: Sequence[Scores], name: str) -> tuple[tuple[float, ...], float, str]:
    """Return the gain per network, at least that of guessing, the standard error of their mean, and the attack's name.

    Args:
        scores: log-odds, one per network.
        name: of the attack.

    """
    gains = [max(gain(one.members, one.nonmembers), GUESSING) for one in scores]
    errors = [gain_error(one.members, one.nonmembers) for one in scores]
    return tuple(gains), standard_error(gains, errors), name


def _by_confidence(evidence: Evidence) -> Scores:
    """Score by the confidence in the true class, turned into log-odds on the known records.

    It needs no training, so that it is the stronger attack where there are few records.
    """
    parts = (
        *(evidence.known_members, evidence.known_nonmembers),
        *(evidence.evaluation_members, evidence.evaluation_nonmembers),
    )
    known_members, known_nonmembers, members, nonmembers = (
        scaled_confidence(part.logits, part.labels).cpu().numpy() for part in parts
    )
    slope, intercept = calibration(known_members, known_nonmembers)
    return Scores(slope * members + intercept, slope * nonmembers + intercept, 0.0)


def _outputs(ensemble: Ensemble, context: DataContext, records: torch.Tensor) -> Outputs:
    """Compute the logits of a single network on some records."""
    on_device = records.to(context.device)
    logits = predict(ensemble, context.dataset.images, on_device)[0].cpu()
    return Outputs(logits, context.dataset.labels[on_device].cpu(), records)
