"""One inversion attack on one target: what it reconstructs, how well, and what trivial attacks make of the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from privprune.attacks.inversion import Inversion, ThreatModel
from privprune.attacks.inversion.lmmse import LmmseAttack, LmmseSettings
from privprune.attacks.inversion.mean_image import MeanImageAttack, MeanImageSettings
from privprune.cells import Cell
from privprune.checkpoints.store import Checkpoints
from privprune.errors import UserError
from privprune.metrics.image_quality import mse
from privprune.metrics.reconstruction import Quality
from privprune.randomness import Purpose, generator
from privprune.workflow.context import DataContext
from privprune.workflow.inversion_targets import ScoringPlan, plan_scoring, prepare_target
from privprune.workflow.inversions import InversionEntry

Array = np.ndarray[Any, Any]
TRIVIAL = {"mean_image": "the mean image", "lmmse": "LMMSE"}  # name in records -> in words
# Of the LMMSE that every attack is held against, so that it costs seconds; an entry may have a larger one of its own.
_RECORDS, _FEATURES, _VALIDATION = 5_000, 4_096, 0.1
_LARGEST_TABLE = 2**29  # values of all its features: 2 GiB


@dataclass(frozen=True)
class TargetInversion:
    """Result of one attack on one target, as arrays, which worker processes send by value.

    Attributes:
        images: uint8 [m, C, H, W], the reconstructions that are scored or shown.
        records: int64 [m], their records.
        quality: of these reconstructions.
        released: quality of those that CEM's released code scores.
        as_written: quality of those that CEM's paper scores.
        selection: quality of the reconstructions of records set aside to choose the strongest attack.
        trivial: trivial attack -> its mean squared error of each image in `released`, with the same queries.
        known: number of records that the attacker trained on.
        history: the attack's curves.

    """

    images: Array
    records: Array
    quality: Quality
    released: Quality
    as_written: Quality
    selection: Quality
    trivial: dict[str, Array]
    known: int
    history: dict[str, list[float]]


def invert_target(
    entry: InversionEntry,
    attack: Inversion,
    label: str,
    cell: Cell,
    number: int,
    context: DataContext,
    checkpoints: Checkpoints,
) -> TargetInversion:
    """Run one attack on one target; its random numbers depend on seed, target and label, not on other attacks.

    Args:
        entry: seed, cut, and how many images are scored.
        attack: the attack, that of the label, or the same with twice the budget.
        label: of the attack.
        cell: the networks.
        number: which of them is attacked.
        context: the data that they were trained on.
        checkpoints: where the attack stores its work.

    Raises:
        UserError: the attack's training failed; names the attack and the target's seed.

    """
    wire_draws, attack_draws = (generator(entry.seed, Purpose.INVERSION, number, label, part) for part in (0, 1))
    target = prepare_target(cell, number, entry.cut, context, wire_draws)
    plan = plan_scoring(attack, target.records, entry.images)
    victim = target.threat_model(plan, context, checkpoints)
    try:
        reconstruction = attack(victim, attack_draws)
    except ValueError as failed:
        place = f"attack of {entry.target}.inversions.{label}, seed {cell.manifest.seeds[number]}"
        raise UserError(f"{place}: {failed}") from None
    quality = Quality.of(victim.targets(victim.scored), reconstruction.images, plan.inverted)
    shown = plan.positions(plan.shown)
    return TargetInversion(
        images=(reconstruction.images[shown.to(context.device)] * 255).round().to(torch.uint8).cpu().numpy(),
        records=plan.shown.numpy(),
        quality=quality.take(shown),
        released=quality.take(plan.positions(plan.released)),
        as_written=quality.take(plan.positions(plan.as_written)),
        selection=quality.take(plan.positions(plan.selection)),
        trivial={} if entry.method(label).control else _trivial(entry, attack, label, cell, number, context),
        known=len(plan.known),
        history=dict(reconstruction.history),
    )


def _trivial(
    entry: InversionEntry, attack: Inversion, label: str, cell: Cell, number: int, context: DataContext
) -> dict[str, Array]:
    """Return the errors of the trivial attacks on what an attack is scored on, with its queries and its knowledge.

    An attacker without images is held against trivial attacks that know the target's training records. The target is
    prepared again, with the same draws on the wire: an LMMSE attack then equals the one that it is held against.
    """
    wire_draws = generator(entry.seed, Purpose.INVERSION, number, label, 0)
    target = prepare_target(cell, number, entry.cut, context, wire_draws)
    plan = plan_scoring(attack, target.records, entry.images)
    knows = attack.attacker_data or "train"
    if attack.attacker_data is None:
        plan = replace(plan, known=target.records.members)
    victim = target.threat_model(plan, context)
    size = victim.features(victim.scored[:1]).numel()
    settings = LmmseSettings(
        knows, attack.queries, min(_RECORDS, max(2, _LARGEST_TABLE // size)), _FEATURES, _VALIDATION
    )
    attacks: Mapping[str, Inversion] = {
        "mean_image": MeanImageAttack(MeanImageSettings(knows)),
        "lmmse": LmmseAttack(settings),
    }
    draws = {name: generator(entry.seed, Purpose.INVERSION, number, label, 1) for name in attacks}
    return {name: _errors(one, victim, plan, draws[name]) for name, one in attacks.items()}


def _errors(attack: Inversion, victim: ThreatModel, plan: ScoringPlan, draws: torch.Generator) -> Array:
    """Return an attack's mean squared error of each image that CEM's released code scores."""
    errors = mse(victim.targets(victim.scored), attack(victim, draws).images).double().cpu()
    found: Array = errors[plan.positions(plan.released)].numpy()
    return found
