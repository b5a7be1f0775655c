"""Attack a model for membership with all that the evidence allows, and measure each attack."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from privprune.attacks.membership import Evidence, attack_each
from privprune.attacks.membership.checks.all_attacks import ABOUT_METRICS, attack_checks
from privprune.attacks.membership.signals import log_posteriors
from privprune.auditing.answers import Answers
from privprune.auditing.model_checks import accuracies, model_checks
from privprune.auditing.plan import Plan, PlannedAttack
from privprune.auditing.results import AttackResult, ExposedRecord, MembershipResult, rates_of
from privprune.auditing.settings import AuditSettings
from privprune.errors import UserError
from privprune.metrics.membership import Scores, measure, point
from privprune.randomness import Purpose, generator, numpy_generator


@dataclass(frozen=True)
class _Scored:
    """Scores of the evaluation records, and of the selection records."""

    evaluation: Scores
    selection: Scores


def attack_model(
    answers: Answers, plan: Plan, settings: AuditSettings, seed: int, name: str, source: str
) -> MembershipResult:
    """Run the planned attacks and measure them.

    An attack that fails is listed with why; it does not end the audit. The random numbers of an attack depend on the
    seed and its label alone.

    Args:
        answers: of the model.
        plan: the attacks.
        settings: shares of the records, resamples.
        seed: of all random numbers.
        name: of the model.
        source: what was audited, in a few words.

    """
    evidence = answers.evidence(settings, seed)
    attacks: list[AttackResult] = []
    not_run = dict(plan.not_run)
    for label, planned in plan.attacks.items():
        try:
            attacks.append(_attacked(label, planned, evidence, settings, seed))
        except (UserError, ValueError) as failure:
            not_run[label] = f"failed: {failure}"
    strongest = max((one for one in attacks if not one.control), key=lambda one: one.selection, default=None)
    return MembershipResult(
        name=name,
        seed=seed,
        settings=settings,
        source=source,
        classes=answers.outputs.logits.shape[1],
        probabilities=answers.probabilities,
        records=_sizes(evidence),
        shadows=0 if answers.shadows is None else len(answers.shadows.logits),
        accuracies=accuracies(answers, settings.resamples, seed),
        attacks=tuple(attacks),
        not_run=not_run,
        checks=model_checks(answers, attacks),
        strongest=None if strongest is None else strongest.label,
        exposed=() if strongest is None else _exposed(strongest.scores, evidence, settings.exposed),
    )


def _attacked(
    label: str, planned: PlannedAttack, evidence: Evidence, settings: AuditSettings, seed: int
) -> AttackResult:
    """Run one attack and measure it.

    Raises:
        UserError, ValueError: it cannot be run on these records, or its training diverged.

    """
    draws = generator(seed, Purpose.MEMBERSHIP_ATTACK, 0, label)
    (scores,) = attack_each(planned.attack, [evidence.with_selection()], [draws])
    for curve, values in scores.history.items():
        if not all(map(math.isfinite, values)):
            raise ValueError(f"its training diverged, {curve} is not finite")
    scored = _divided(scores, evidence)
    measured = measure([scored.evaluation], settings.resamples, numpy_generator(seed, Purpose.MEMBERSHIP_ATTACK, label))
    checks = attack_checks(planned.method, planned.settings, [scored.evaluation], [evidence], None)
    return AttackResult(
        label=label,
        settings=planned.written,
        control=planned.method.control,
        measured=measured,
        rates=rates_of(measured),
        selection=point(scored.selection)["auc"],
        scores=scored.evaluation,
        checks=tuple(one for one in checks if not one.name.startswith(ABOUT_METRICS)),  # `rates` says what those say
    )


def _divided(scores: Scores, evidence: Evidence) -> _Scored:
    """Divide scores into those of the evaluation records and those of the selection records behind them."""
    ends = (len(evidence.evaluation_members), len(evidence.evaluation_nonmembers))
    parts = []
    for places in ((slice(ends[0]), slice(ends[1])), (slice(ends[0], None), slice(ends[1], None))):
        records = None if scores.records is None else (scores.records[0][places[0]], scores.records[1][places[1]])
        members, nonmembers = scores.members[places[0]], scores.nonmembers[places[1]]
        parts.append(replace(scores, members=members, nonmembers=nonmembers, records=records))
    return _Scored(*parts)


def _sizes(evidence: Evidence) -> Mapping[str, tuple[int, int]]:
    assert evidence.selection_members is not None  # noqa: S101 (every audit has selection records)
    assert evidence.selection_nonmembers is not None  # noqa: S101 (as above)
    return {
        "known": (len(evidence.known_members), len(evidence.known_nonmembers)),
        "selection": (len(evidence.selection_members), len(evidence.selection_nonmembers)),
        "evaluated": (len(evidence.evaluation_members), len(evidence.evaluation_nonmembers)),
    }


def _exposed(scores: Scores, evidence: Evidence, number: int) -> tuple[ExposedRecord, ...]:
    """Return the evaluated members with the highest scores; of equal scores the first record."""
    members = evidence.evaluation_members
    probabilities = log_posteriors(members.logits).exp()
    order = sorted(range(len(members)), key=lambda row: (-float(scores.members[row]), row))
    return tuple(
        ExposedRecord(
            record=int(members.positions[row]),
            label=int(members.labels[row]),
            predicted=int(members.logits[row].argmax()),
            confidence=float(probabilities[row, members.labels[row]]),
            nonmembers_above=int((scores.nonmembers >= scores.members[row]).sum()),
        )
        for row in order[:number]
    )
