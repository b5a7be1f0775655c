"""The checks that all membership attacks share, and those that an attack declares itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from privprune.attacks.membership.checks.enough_nonmembers import NAME, enough_nonmembers
from privprune.attacks.membership.checks.enough_shadows import enough_shadows
from privprune.attacks.membership.checks.looks_at_the_model import looks_at_the_model
from privprune.attacks.membership.checks.not_beaten import not_beaten
from privprune.attacks.membership.checks.twice_the_budget import twice_the_budget
from privprune.attacks.membership.evidence import Evidence
from privprune.attacks.membership.method import MembershipAttack
from privprune.checks import Check
from privprune.metrics.membership import Scores

ABOUT_METRICS = (NAME,)  # names that begin in this way end with the one metric that rests on the check


def attack_checks(
    method: MembershipAttack,
    settings: Any,
    scores: Sequence[Scores],
    evidences: Sequence[Evidence],
    twice: Scores | None,
) -> tuple[Check, ...]:
    """Make all checks of one attack on the targets of a cell.

    Args:
        method: declaration of the attack.
        settings: its settings.
        scores: of the judged records, one per target.
        evidences: one per target.
        twice: scores of the first target's judged records with twice the budget; None where that was not measured.

    Returns:
        none for a control, which is no attack.

    """
    if method.control:
        return ()
    shadows = (enough_shadows(settings, evidences),) if method.needs_shadows else ()
    return (
        looks_at_the_model(scores, evidences),
        *not_beaten(scores, evidences, by_rank=method.needs_shadows),
        *shadows,
        *method.checks(settings, scores),
        *(() if twice is None else (twice_the_budget(scores[0], twice),)),
        *enough_nonmembers(scores),
    )
