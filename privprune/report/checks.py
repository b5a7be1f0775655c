"""The checks behind verdicts as lists that the reader may unfold: one per claim, and one per cell."""

from __future__ import annotations

from collections.abc import Sequence

from privprune.report.view import Fold, Part
from privprune.tables.checks import checks_in_words
from privprune.verdicts import CheckOf, Evaluation, checks_on, failures
from privprune.verdicts.checks.recorded import numbers_of

_WORDS = (
    "What must hold before a number of a cell may support a verdict. Each number is the worst over the networks of the "
    "cell, each bound was declared before the run, and what could not be computed counts as failed."
)


def fold_of(title: str, checks: Sequence[CheckOf], *, with_cell: bool) -> Fold:
    """Return checks as a folded list, the failed ones first; `with_cell` names the cell in every line."""
    failed = failures(checks)
    ordered = (*failed, *(one for one in checks if one.check.passed))
    lines = tuple((_line(one, with_cell=with_cell), one.check.passed) for one in ordered)
    return Fold(title, checks_in_words(checks), bool(failed), lines)


def checks_part(paper: str, evaluation: Evaluation) -> Part:
    """Return the part of a paper's section that lists the checks of every cell."""
    folds = tuple(fold_of(cell.cell, checks_on(cell), with_cell=False) for cell in evaluation.cells)
    return Part(f"{paper}-checks", "Checks of every cell", _WORDS, (), (), folds)


def _line(one: CheckOf, *, with_cell: bool) -> str:
    """Return a check in one line: what it is of, its name, measured and needed, and what the number is."""
    of = f"{one.cell}, {one.subject}" if with_cell and one.cell else one.subject
    return f"{of}: {one.check.name} {numbers_of(one.check)}; {one.check.reason}"
