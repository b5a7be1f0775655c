"""The checks behind verdicts as lists that the reader may unfold: one per claim, and one per cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

from privprune.records import Record, record_path
from privprune.report.view import Fold, Part
from privprune.tables.checks import checks_in_words
from privprune.verdicts import CheckOf, Evaluation, checks_on, failures
from privprune.verdicts.cell_of_record import attacked_cell, deployed_cell
from privprune.verdicts.checks.recorded import measured, needed, numbers_of

_FAILED = 5  # at most, beside a claim
_WORDS = (
    "What must hold before a number of a cell may support a verdict. Each number is the worst over the networks of the "
    "cell, each bound was declared before the run, and what could not be computed counts as failed. The first "
    "list explains the checks that several cells have; others, and those that failed, are explained where they stand."
)


def fold_of(
    title: str,
    checks: Sequence[CheckOf],
    links: tuple[tuple[str, str], ...] = (),
    explained: Collection[str] = frozenset(),
) -> Fold:
    """Return the checks of a cell as a folded list, the failed ones first.

    Args:
        title: of the list.
        checks: of the cell.
        links: text and address of the records behind it.
        explained: what numbers are, where another list says it; failed checks say it all the same.

    """
    failed = failures(checks)
    lines = _lines(failed, with_cell=False)
    said = {one.check.reason for one in failed} | set(explained)
    lines += [(line, True) for line in _alike([one for one in checks if one.check.passed], said)]
    return Fold(title, checks_in_words(checks), bool(failed), tuple(lines), links)


def _alike(checks: Sequence[CheckOf], said: Collection[str]) -> list[str]:
    """Return passed checks in words, those of one kind in one line: a cell has the same checks of a dozen attacks."""
    kinds: dict[tuple[str, str, str], list[CheckOf]] = {}
    for one in checks:
        kinds.setdefault((one.check.name, needed(one.check), one.check.reason), []).append(one)
    lines = []
    for (name, bound, reason), made in kinds.items():
        if len(made) == 1:
            line = f"{made[0].subject}: {name} {measured(made[0].check)}, {bound}"
        else:
            line = f"{name}, {bound}: " + ", ".join(f"{one.subject} {measured(one.check)}" for one in made)
        lines.append(line if reason in said else f"{line}; {reason}")
    return lines


def fold_of_claim(checks: Sequence[CheckOf]) -> Fold:
    """Return the checks behind a claim: the first failed ones, those of the comparison, and how many others passed."""
    failed = failures(checks)
    passed = [one for one in checks if one.check.passed]
    of_comparison = [one for one in passed if not one.cell]
    lines = _lines((*failed[:_FAILED], *of_comparison), with_cell=True)
    if further := len(failed[_FAILED:]):
        lines.insert(_FAILED, (f"{further} more failed; they are listed with the cells, below", False))
    if others := len(passed) - len(of_comparison):
        lines.append((f"{others} checks of its cells passed; they are listed with the cells, below", True))
    return Fold("Checks", checks_in_words(checks), bool(failed), tuple(lines))


def checks_part(paper: str, evaluation: Evaluation, records: Iterable[Record]) -> Part:
    """Return the part of a paper's section that lists the checks of every cell, with links to its records."""
    links = record_links(records)
    checks = {cell.cell: checks_on(cell) for cell in evaluation.cells}
    meanings = _of_several(checks.values())
    explained = {reason for _, reason in meanings}
    folds = [fold_of(cell, made, tuple(links.get(cell, ())), explained) for cell, made in checks.items()]
    if meanings:
        lines = tuple((f"{name}: {reason}", True) for name, reason in meanings)
        folds.insert(0, Fold("What the numbers are", f"kinds of checks: {len(lines)}", failed=False, lines=lines))
    return Part(f"{paper}-checks", "Checks and records of every cell", _WORDS, (), (), tuple(folds))


def _of_several(cells: Iterable[Sequence[CheckOf]]) -> list[tuple[str, str]]:
    """Return the kinds of checks that several cells have: name, and what the number is."""
    kinds = Counter(
        kind for made in cells for kind in dict.fromkeys((one.check.name, one.check.reason) for one in made)
    )
    return [kind for kind, number in kinds.items() if number > 1]


def record_links(records: Iterable[Record]) -> dict[str, list[tuple[str, str]]]:
    """Return cell -> stage and address of each of its records, relative to the page."""
    links: dict[str, list[tuple[str, str]]] = {}
    for record in records:
        cell = {"attack": attacked_cell, "deploy": deployed_cell}.get(record.stage, _own_cell)(record)
        path = record_path(Path(), "", record.paper, record.stage, record.cell)
        links.setdefault(cell, []).append((f"{record.stage} {record.cell}", quote(path.as_posix())))
    return links


def _own_cell(record: Record) -> str:
    return record.cell


def _lines(checks: Sequence[CheckOf], *, with_cell: bool) -> list[tuple[str, bool]]:
    """Return each check in one line, what it is of, its name, measured and needed, and whether it passed.

    What the number is stands with the first that says it: a cell has the same checks of a dozen attacks.
    """
    lines: list[tuple[str, bool]] = []
    said: set[str] = set()
    for one in checks:
        of = f"{one.cell}, {one.subject}" if with_cell and one.cell else one.subject
        line = f"{of}: {one.check.name} {numbers_of(one.check)}"
        lines.append((line if one.check.reason in said else f"{line}; {one.check.reason}", one.check.passed))
        said.add(one.check.reason)
    return lines
