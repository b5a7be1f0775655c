"""The checks behind verdicts: in a word beside each verdict, and one by one for every cell."""

from collections.abc import Iterable

from privprune.tables.notes import data_notes
from privprune.tables.table import ABSENT, Table, TableCell, labels, measured_on, numbers, row, texts
from privprune.verdicts import CheckOf, Evaluation, checks_on, failures

PASSED, FAILED = "passed", "failed"
_DIGITS = 4


def checks_in_words(checks: Iterable[CheckOf]) -> str:
    """Return how many of some checks passed, as a short text; an absent value where there are none."""
    distinct = tuple(dict.fromkeys(checks))
    failed = len(failures(distinct))
    if not distinct:
        return ABSENT
    return f"{failed} of {len(distinct)} {FAILED}" if failed else f"all {len(distinct)} {PASSED}"


def failed_in_words(checks: Iterable[CheckOf]) -> str:
    """Return the first failed check and how many more failed; empty if none did."""
    failed = failures(checks)
    if not failed:
        return ""
    more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
    return f"{failed[0].failure}{more}"


def checks_table(evaluation: Evaluation) -> Table:
    """Return one row per check of every cell and of every attack on it."""
    return Table(
        name="checks",
        title="Checks of every cell",
        caption="What must hold before a number of a cell may support a verdict: the network works, its defence took "
        "effect, the attacker attacks. Each number is the worst over the cell's targets; each bound was declared "
        "before the run.",
        columns=(
            *labels("Cell", "Measured on", "Of", "Check"),
            *numbers("Measured", "Needed"),
            *labels("Result"),
            *texts("Meaning"),
        ),
        rows=tuple(_row(one, measured_on(cell)) for cell in evaluation.cells for one in checks_on(cell)),
        notes=(
            "A number that could not be computed counts as failed, and so does a record that is older than checks.",
            *data_notes(evaluation.cells),
        ),
    )


def _row(one: CheckOf, where: str) -> tuple[TableCell, ...]:
    check = one.check
    return row(
        one.cell,
        where,
        one.subject,
        check.name,
        "not computed" if check.measured is None else f"{check.measured:.{_DIGITS}g}",
        f"{check.relation} {check.bound:.{_DIGITS}g}",
        result_cell(passed=check.passed),
        check.reason,
    )


def result_cell(*, passed: bool) -> TableCell:
    """Return a cell that says whether a check passed, in the style of that word."""
    word = PASSED if passed else FAILED
    return TableCell(word, f"check-{word}")
