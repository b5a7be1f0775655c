"""The checks that the records of a cell contain: of its network, defence and pruning, and of the attacks on it."""

from collections.abc import Iterable
from dataclasses import dataclass

from privprune.checks import Check, not_computed
from privprune.verdicts.measured_cells import BOUND, MeasuredCell

RECORDED = "checks recorded"
OLDER = "measured before checks were recorded"
COMPARISON = "comparison"  # the subject of checks that are about several cells
_SHOWN_DIGITS = 4


@dataclass(frozen=True)
class CheckOf:
    """A check, and what it is of.

    Attributes:
        cell: the cell; empty for a check of a comparison.
        subject: `network`, `defence` or `pruning` of the cell, the label of an attack on it, or `comparison`.
        check: the check.

    """

    cell: str
    subject: str
    check: Check

    @property
    def failure(self) -> str:
        """What failed, of what, measured and bound, in one line; an older record has no more to say than that."""
        one, of = self.check, ", ".join(part for part in (self.cell, self.subject) if part)
        if one.name == RECORDED:
            return f"{one.reason} ({of})"
        return f"{of}: {one.name} {numbers_of(one)} ({one.reason})"


def numbers_of(check: Check) -> str:
    """Return the measured number of a check and what was needed of it, in words."""
    return f"{measured(check)}, {needed(check)}"


def measured(check: Check) -> str:
    """Return the measured number of a check."""
    return "not computed" if check.measured is None else f"{check.measured:.{_SHOWN_DIGITS}g}"


def needed(check: Check) -> str:
    """Return what was needed of the number, in words."""
    return f"needed {check.relation} {check.bound:.{_SHOWN_DIGITS}g}"


def failures(checks: Iterable[CheckOf]) -> tuple[CheckOf, ...]:
    """Return the checks that failed, in their order, each once."""
    return tuple(dict.fromkeys(one for one in checks if not one.check.passed))


def of_cell(cell: MeasuredCell, subjects: Iterable[str] | None = None) -> tuple[CheckOf, ...]:
    """Return the checks of a cell's training, of the subjects that are named or else of all but the bound on MSE.

    A record that is older than checks gives one failed check, unless only certain subjects are asked for.
    """
    if cell.checks is None:
        return () if subjects is not None else (_missing(cell.cell, "training"),)
    wanted = (
        [one for one in cell.checks if one != BOUND]
        if subjects is None
        else [subject for subject in subjects if subject in cell.checks]
    )
    return tuple(CheckOf(cell.cell, subject, one) for subject in wanted for one in cell.checks[subject])


def of_attack(cell: MeasuredCell, attack: str) -> tuple[CheckOf, ...]:
    """Return the checks of an attack on a cell; one failed check where its record has none for it."""
    run = cell.run_of(attack)
    if run is None or run.checks is None:
        return (_missing(cell.cell, attack),)
    return tuple(CheckOf(cell.cell, attack, one) for one in run.checks)


def checks_on(cell: MeasuredCell) -> tuple[CheckOf, ...]:
    """Return the checks that the records of a cell contain: of its training, then of every attack on it.

    Those of the bound on MSE only where it applies: without it nothing rests on them, and nothing has failed.
    """
    attacks = (*cell.attacks, *cell.inversions)
    from_attacks = (one for attack in attacks for one in of_attack(cell, attack))
    of_bound = of_cell(cell, (BOUND,)) if "mse_bound" in cell.numbers else ()
    return (*of_cell(cell), *of_bound, *from_attacks)


def _missing(cell: str, subject: str) -> CheckOf:
    return CheckOf(cell, subject, not_computed(RECORDED, "at least", 1.0, OLDER))
