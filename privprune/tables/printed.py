"""The paper's own tables: every printed number beside its measurement and verdict."""

from collections.abc import Iterable, Sequence

from privprune.published import METRICS, NOT_AVAILABLE, Paper, PrintedRow, PrintedTable, Tolerance
from privprune.tables.checks import checks_in_words, failed_in_words
from privprune.tables.notes import INTERVALS, data_notes
from privprune.tables.numbers_as_text import estimate, heading, seeds, with_interval
from privprune.tables.table import (
    ABSENT,
    Column,
    Table,
    TableCell,
    labels,
    measured_on,
    numbers,
    printed_place,
    row,
    texts,
    verdict,
)
from privprune.verdicts import VERDICTS, Evaluation, MeasuredCell, NumberVerdict

_OF_THE_PAPER = "Published beside measured, with the 95 % interval and a verdict per number."
_OF_OURS = "The paper has no such experiment; measured, with the 95 % interval, and without verdicts."


def overview(evaluation: Evaluation, paper: Paper) -> Table:
    """Return the counts of verdicts per printed table."""
    rows = [
        _counts(table.name, [one for one in evaluation.verdicts if one.table == table.name])
        for table in paper.tables
        if not table.ours
    ]
    return Table(
        name="overview",
        title="Verdicts per printed table",
        caption=f"How many of the numbers that {paper.short} prints were measured, and how they came out.",
        columns=(*labels("Table"), *numbers("Printed numbers", *(name.capitalize() for name in VERDICTS))),
        rows=(*rows, _counts("All", evaluation.verdicts)),
        notes=(
            "Reproduced: the published value is within the declared tolerance or inside the measured 95 % interval.",
            "Stand-in data: another data set, model, attack or division of the records than printed; never judged.",
            "Not a fair test: a check of the network, of its defence or of the attack failed, so nothing is judged.",
        ),
    )


def _counts(name: str, verdicts: Sequence[NumberVerdict]) -> tuple[TableCell, ...]:
    return row(name, str(len(verdicts)), *(str(sum(one.verdict == kind for one in verdicts)) for kind in VERDICTS))


def printed_table(evaluation: Evaluation, paper: Paper, table: PrintedTable) -> Table:
    """Return one of the paper's tables, or a table of our own experiments, with one line per row."""
    unknown = _unknown(table)
    verdicts = [one for one in evaluation.verdicts if one.table == table.name]
    marks = _marks([flag for row_ in table.rows for flag in row_.flags.values()])
    used = [evaluation.cell(one.cell) for one in verdicts if one.cell]
    used += [cell for row_ in table.rows if (cell := _stands_for(row_, evaluation)) and cell not in used]
    return Table(
        name=table.name.lower().replace(" ", "_"),
        title=f"{table.name}{'' if table.ours else ' of the paper'}: {table.caption}",
        caption=_OF_OURS if table.ours else _OF_THE_PAPER,
        columns=(
            *labels("Data and model", "Method"),
            *_columns(table, unknown),
            *(labels("Measured on") if unknown else ()),
            *numbers("Seeds"),
            *labels("Checks"),
            *texts("Notes"),
        ),
        rows=tuple(_row(row_, verdicts, evaluation, paper, marks, unknown) for row_ in table.rows),
        notes=(
            *(f"({mark}) {text}." for text, mark in marks.items()),
            *((table.note,) if table.note else ()),
            *_nowhere_printed(table, unknown),
            *_tolerances(paper, verdicts),
            *(INTERVALS if used else ()),
            *data_notes(used),
        ),
    )


def was_run(table: PrintedTable, evaluation: Evaluation) -> bool:
    """Return whether any row of a table of our own experiments was measured."""
    return any(_stands_for(printed, evaluation) for printed in table.rows)


def _unknown(table: PrintedTable) -> frozenset[str]:
    """Return the metrics for which no row has an available printed number."""
    metrics = table.rows[0].numbers
    return frozenset(name for name in metrics if all(row_.numbers[name] == NOT_AVAILABLE for row_ in table.rows))


def _nowhere_printed(table: PrintedTable, unknown: frozenset[str]) -> tuple[str, ...]:
    """Return a note on columns without published numbers; none for a table of ours, whose own note says it."""
    if not unknown or table.ours:
        return ()
    names = ", ".join(METRICS[name].label for name in table.rows[0].numbers if name in unknown)
    return (f"Published numbers {NOT_AVAILABLE}, so that only measurements are shown: {names}.",)


def _columns(table: PrintedTable, unknown: frozenset[str]) -> list[Column]:
    """Return three columns per metric, or one for a metric without published numbers."""
    columns: list[Column] = []
    for metric in table.rows[0].numbers:
        label = METRICS[metric].label
        if metric in unknown:
            columns += numbers(f"{heading(metric)}: measured")
        else:
            columns += (*numbers(f"{heading(metric)}: published", f"{label}: measured"), *labels(f"{label}: verdict"))
    return columns


def _row(
    printed: PrintedRow,
    verdicts: Sequence[NumberVerdict],
    evaluation: Evaluation,
    paper: Paper,
    marks: dict[str, str],
    unknown: frozenset[str],
) -> tuple[TableCell, ...]:
    by_metric = {one.metric: one for one in verdicts if (one.dataset, one.model, one.method) == printed.key}
    instead = _stands_for(printed, evaluation)
    cells: list[TableCell] = []
    for metric in printed.numbers:
        shown = (
            _number(by_metric[metric], marks)
            if metric in by_metric
            else _not_available(metric, printed, instead, marks)
        )
        cells += shown[1:2] if metric in unknown else shown
    count = max([0 if instead is None else len(instead.seeds), *(one.seeds for one in by_metric.values())])
    place = printed_place(printed.dataset, printed.model)
    flags = [] if "row" not in printed.flags or printed.numbers.keys() - unknown else [printed.flags["row"]]
    notes = "; ".join([*flags, *_notes(tuple(by_metric.values()), evaluation)]) or ABSENT
    checks = checks_in_words(check for one in by_metric.values() for check in one.checks)
    where = (_measured_on(by_metric.values(), instead, evaluation),) if unknown else ()
    return row(place, paper.defences[printed.defence], *cells, *where, seeds(count), checks, notes)


def _measured_on(verdicts: Iterable[NumberVerdict], instead: MeasuredCell | None, evaluation: Evaluation) -> str:
    """Return data, network and protocol of all that a row shows; numbers without a verdict have no note about them."""
    cells = [evaluation.cell(one.cell) for one in verdicts if one.cell] + ([] if instead is None else [instead])
    return "; ".join(dict.fromkeys(measured_on(cell) for cell in cells)) or ABSENT


def _stands_for(printed: PrintedRow, evaluation: Evaluation) -> MeasuredCell | None:
    """Return the first cell of a row that has numbers which are not available; None for other rows."""
    if NOT_AVAILABLE not in printed.numbers.values():
        return None
    roles = [role for role in evaluation.roles if not role.control]
    named = (role for role in roles if (role.place.dataset, role.place.model, role.name) == printed.key)
    return next((evaluation.cell(role.cell) for role in named), None)


def _not_available(
    metric: str, printed: PrintedRow, cell: MeasuredCell | None, marks: dict[str, str]
) -> tuple[TableCell, TableCell, TableCell]:
    """Return the cells of a number that is not available in print: measured, without a verdict."""
    flags = [marks[text] for place, text in printed.flags.items() if place in ("row", metric)]
    measured = None if cell is None else cell.numbers.get(metric)
    text = " ".join([NOT_AVAILABLE, *(f"({mark})" for mark in flags)])
    return TableCell(text), TableCell(estimate(measured, METRICS[metric].unit)), TableCell(ABSENT)


def _number(number: NumberVerdict, marks: dict[str, str]) -> tuple[TableCell, TableCell, TableCell]:
    """Return the cells of a number: published with its marks, measured, verdict."""
    printed = number.printed + "".join(f" ({marks[flag]})" for flag in number.flags)
    measured = with_interval(number.measured, number.low, number.high, METRICS[number.metric].unit)
    kind = verdict(number.verdict)
    return TableCell(printed), TableCell(measured, kind.style), kind


def _notes(verdicts: tuple[NumberVerdict, ...], evaluation: Evaluation) -> list[str]:
    """Return notes: what differs from the print, reasons of verdicts that are not obvious, and epsilon."""
    instead = dict.fromkeys(one.reason for one in verdicts if one.verdict == "stand-in data")
    notes = [f"stand-in: {max(instead, key=len)}"] if instead else []
    if failed := failed_in_words(check for one in verdicts for check in one.checks):
        notes.append(f"failed: {failed}")
    for one in verdicts:
        plain = (
            one.verdict in ("stand-in data", "not a fair test")
            or not one.reason
            or one.reason == f"within {one.tolerance}"
        )
        if not plain:
            notes.append(f"{METRICS[one.metric].label.lower()} {one.reason}")
    cell = next((one.cell for one in verdicts if one.cell), "")
    if cell and (epsilon := evaluation.cell(cell).numbers.get("epsilon")):
        notes.append(f"epsilon {epsilon.mean:.2f}")
    return notes


def _marks(flags: Iterable[str]) -> dict[str, str]:
    """Return flag -> letter, in the order of the flags; equal flags share a letter."""
    return {flag: chr(ord("a") + number) for number, flag in enumerate(dict.fromkeys(flags))}


def _tolerances(paper: Paper, verdicts: Sequence[NumberVerdict]) -> list[str]:
    """Return one sentence per tolerance behind the table's verdicts, with its reason."""
    tables = {one.table for one in verdicts}
    used = [number.tolerance for number in paper.numbers if number.table in tables]
    return [
        f"Tolerance, declared before the run, for {_concerned(one)}: {one} ({one.reason})."
        for one in dict.fromkeys(used)
    ]


def _concerned(tolerance: Tolerance) -> str:
    metric = METRICS[tolerance.metric].label.lower()
    return f"{metric} on {tolerance.dataset}" if tolerance.dataset else metric
