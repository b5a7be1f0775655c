"""The checks of inversion attacks, from their results on all targets: those of each attack, and the shared ones."""

from __future__ import annotations

from collections.abc import Sequence

from privprune.attacks.inversion.checks.not_beaten import not_beaten_by
from privprune.attacks.inversion.checks.twice_the_budget import not_lowered_by_twice_the_budget
from privprune.checks import Check
from privprune.workflow.inversions import InversionEntry
from privprune.workflow.invert_target import TRIVIAL, TargetInversion


def check_attack(
    entry: InversionEntry, label: str, targets: Sequence[TargetInversion], doubled: TargetInversion | None
) -> list[Check]:
    """Check one attack; a control, which ignores the features, has only the checks that it makes of itself.

    Args:
        entry: of the attack.
        label: its label.
        targets: its result on each target.
        doubled: its result on the first target with twice the budget; None where it was not run.

    """
    checks = list(entry.own_checks(label, [one.history for one in targets]))
    for name, words in TRIVIAL.items() if targets[0].trivial else ():
        ours, theirs = [one.released.mse for one in targets], [one.trivial[name] for one in targets]
        checks.append(not_beaten_by(words, ours, theirs))
    if doubled is not None:
        errors = (float(one.released.mse.mean()) for one in (targets[0], doubled))
        checks.append(not_lowered_by_twice_the_budget(*errors))
    return checks
