"""The paper's own tables: every printed number beside its measurement and verdict, run or not."""

from collections.abc import Iterable, Sequence

from privprune.published import METRICS, NOT_AVAILABLE, Paper, PrintedRow, PrintedTable, Tolerance
from privprune.tables.notes import INTERVALS, data_notes
from privprune.tables.numbers_as_text import estimate, heading, seeds, with_interval
from privprune.tables.table import ABSENT, Column, Table, TableCell, labels, numbers, printed_place, row, texts, verdict
from privprune.verdicts import VERDICTS, Evaluation, MeasuredCell, NumberVerdict

_OF_THE_PAPER = "Published beside measured, with the 95 % interval and a verdict per number."
_OF_OURS = "The paper has no such experiment; measured, with the 95 % interval, and without verdicts."


def overview(evaluation: Evaluation, paper: Paper) -> Table:
    """Count the verdicts of each printed table."""
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
        ),
    )


def _counts(name: str, verdicts: Sequence[NumberVerdict]) -> tuple[TableCell, ...]:
    return row(name, str(len(verdicts)), *(str(sum(one.verdict == kind for one in verdicts)) for kind in VERDICTS))


def printed_table(evaluation: Evaluation, paper: Paper, table: PrintedTable) -> Table:
    """Show one of the paper's tables, or one of ours beside them, one line per row."""
    unknown = _unknown(table)
    found = [one for one in evaluation.verdicts if one.table == table.name]
    marks = _marks([flag for row_ in table.rows for flag in row_.flags.values()])
    used = [evaluation.cell(one.cell) for one in found if one.cell]
    used += [cell for row_ in table.rows if (cell := _stands_for(row_, evaluation)) and cell not in used]
    return Table(
        name=table.name.lower().replace(" ", "_"),
        title=f"{table.name}{'' if table.ours else ' of the paper'}: {table.caption}",
        caption=_OF_OURS if table.ours else _OF_THE_PAPER,
        columns=(*labels("Data and model", "Method"), *_columns(table, unknown), *numbers("Seeds"), *texts("Notes")),
        rows=tuple(_row(row_, found, evaluation, paper, marks, unknown) for row_ in table.rows),
        notes=(
            *(f"({mark}) {text}." for text, mark in marks.items()),
            *((table.note,) if table.note else ()),
            *_nowhere_printed(table, unknown),
            *_tolerances(paper, found),
            *(INTERVALS if used else ()),
            *data_notes(used),
        ),
    )


def was_run(table: PrintedTable, evaluation: Evaluation) -> bool:
    """Say whether any row of a table of ours was measured."""
    return any(_stands_for(printed, evaluation) for printed in table.rows)


def _unknown(table: PrintedTable) -> frozenset[str]:
    """Return the metrics of which no row has a printed number at hand."""
    metrics = table.rows[0].numbers
    return frozenset(name for name in metrics if all(row_.numbers[name] == NOT_AVAILABLE for row_ in table.rows))


def _nowhere_printed(table: PrintedTable, unknown: frozenset[str]) -> tuple[str, ...]:
    """Say of which columns nothing published is at hand; a table of ours says so in its own note."""
    if not unknown or table.ours:
        return ()
    names = ", ".join(METRICS[name].label for name in table.rows[0].numbers if name in unknown)
    return (f"Published numbers {NOT_AVAILABLE}, so that only measurements are shown: {names}.",)


def _columns(table: PrintedTable, unknown: frozenset[str]) -> list[Column]:
    """Head the three columns of each metric, or the one of a metric of which nothing published is at hand."""
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
    own = {one.metric: one for one in verdicts if (one.dataset, one.model, one.method) == printed.key}
    instead = _stands_for(printed, evaluation)
    cells: list[TableCell] = []
    for metric in printed.numbers:
        shown = _number(own[metric], marks) if metric in own else _not_available(metric, printed, instead, marks)
        cells += shown[1:2] if metric in unknown else shown
    count = max([0 if instead is None else len(instead.seeds), *(one.seeds for one in own.values())])
    place = printed_place(printed.dataset, printed.model)
    flags = [] if "row" not in printed.flags or printed.numbers.keys() - unknown else [printed.flags["row"]]
    notes = "; ".join([*flags, *_notes(tuple(own.values()), evaluation)]) or ABSENT
    return row(place, paper.defences[printed.defence], *cells, seeds(count), notes)


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
    """Show a number that the paper may print, but that is not at hand: measured, without verdict."""
    flags = [marks[text] for place, text in printed.flags.items() if place in ("row", metric)]
    measured = None if cell is None else cell.numbers.get(metric)
    text = " ".join([NOT_AVAILABLE, *(f"({mark})" for mark in flags)])
    return TableCell(text), TableCell(estimate(measured, METRICS[metric].unit)), TableCell(ABSENT)


def _number(found: NumberVerdict, marks: dict[str, str]) -> tuple[TableCell, TableCell, TableCell]:
    """Show a number: published with its marks, measured, verdict."""
    printed = found.printed + "".join(f" ({marks[flag]})" for flag in found.flags)
    measured = with_interval(found.measured, found.low, found.high, METRICS[found.metric].unit)
    kind = verdict(found.verdict)
    return TableCell(printed), TableCell(measured, kind.style), kind


def _notes(found: tuple[NumberVerdict, ...], evaluation: Evaluation) -> list[str]:
    """Say what a measurement was made on where that is not the print's, and what a verdict rests on where not plain."""
    instead = dict.fromkeys(one.reason for one in found if one.verdict == "stand-in data")
    notes = [f"stand-in: {max(instead, key=len)}"] if instead else []
    for one in found:
        plain = one.verdict == "stand-in data" or not one.reason or one.reason == f"within {one.tolerance}"
        if not plain:
            notes.append(f"{METRICS[one.metric].label.lower()} {one.reason}")
    cell = next((one.cell for one in found if one.cell), "")
    if cell and (epsilon := evaluation.cell(cell).numbers.get("epsilon")):
        notes.append(f"epsilon {epsilon.mean:.2f}")
    return notes


def _marks(flags: Iterable[str]) -> dict[str, str]:
    """Letter the flags in the order they appear; the same flag keeps its letter."""
    return {flag: chr(ord("a") + number) for number, flag in enumerate(dict.fromkeys(flags))}


def _tolerances(paper: Paper, found: Sequence[NumberVerdict]) -> list[str]:
    """Say each tolerance behind the table's verdicts, with its reason."""
    tables = {one.table for one in found}
    used = [number.tolerance for number in paper.numbers if number.table in tables]
    return [
        f"Tolerance, declared before the run, for {_concerned(one)}: {one} ({one.reason})."
        for one in dict.fromkeys(used)
    ]


def _concerned(tolerance: Tolerance) -> str:
    metric = METRICS[tolerance.metric].label.lower()
    return f"{metric} on {tolerance.dataset}" if tolerance.dataset else metric
