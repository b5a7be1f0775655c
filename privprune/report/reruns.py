"""The command that runs each row again, and how long its stages took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from privprune.published import Paper
from privprune.records import MAKING, Record
from privprune.report.timings import Timings, duration
from privprune.tables import Table, TableCell
from privprune.tables.table import ABSENT, labels, numbers, row, texts
from privprune.verdicts import Evaluation
from privprune.verdicts.cell_of_record import attacked_cell


def rerun_table(evaluation: Evaluation, paper: Paper, records: Sequence[Record], timings: Timings) -> Table:
    """Return one line per cell: the row it stands for, the command, its stages and their measured time."""
    training = {record.cell: record for record in records if record.stage in MAKING}
    rows = []
    for cell in evaluation.cells:
        made = _stages(cell.cell, training)
        attacks = [one for one in records if one.stage == "attack" and attacked_cell(one) == cell.cell]
        stages = [*made, *attacks]
        last = " ".join(_target(stage) for stage in attacks or made[-1:])
        command = f"uv run dvc repro {last}" if last else ABSENT
        rows.append(
            row(
                _stands_for(cell.cell, evaluation, paper),
                TableCell(command, "code"),
                TableCell(", ".join(_target(stage) for stage in stages) or ABSENT, "code"),
                _time(stages, timings),
            )
        )
    return Table(
        name="rerun",
        title="Commands",
        caption="One line per cell, in the order that the suite names them; the time is that of all its stages.",
        columns=(*labels("Stands for"), *labels("Command"), *texts("Stages"), *numbers("Time")),
        rows=tuple(rows),
        notes=(),
    )


def _stands_for(cell: str, evaluation: Evaluation, paper: Paper) -> str:
    """Return the printed rows, controls or curves that a cell stands for."""
    printed: dict[str, list[str]] = {}
    for one in evaluation.verdicts:
        if one.cell == cell:
            row_ = f"{paper.labels[one.method]}, {one.dataset}, {one.model}"
            printed.setdefault(row_, []).append(one.table)
    for role in evaluation.roles:
        if role.cell == cell and not role.control:
            printed.setdefault(f"{paper.labels[role.name]}, {role.place.dataset}, {role.place.model}", [])
    names = [f"{row_} ({', '.join(dict.fromkeys(tables)) or 'beside it'})" for row_, tables in printed.items()]
    names += [f"Control: {paper.labels[role.name]}" for role in evaluation.roles if role.cell == cell and role.control]
    return "; ".join(dict.fromkeys(names)) or _in_curves(cell, evaluation, paper)


def _in_curves(cell: str, evaluation: Evaluation, paper: Paper) -> str:
    """Return the curves that a cell belongs to."""
    names = dict.fromkeys(
        paper.labels.get(curve.name, curve.name) for curve in evaluation.curves if cell in curve.cells
    )
    return "; ".join(f"Curve: {name}" for name in names) or ABSENT


def _stages(cell: str, training: Mapping[str, Record]) -> list[Record]:
    """Return the stages that lead to a cell, the first one first."""
    return list(reversed(list(_upstream(cell, training))))


def _upstream(cell: str, training: Mapping[str, Record]) -> Iterator[Record]:
    """Yield the records of a cell and of the cells it was made from, back to the one trained from scratch."""
    seen: set[str] = set()
    while cell in training and cell not in seen:
        seen.add(cell)
        yield training[cell]
        kind, _, origin = training[cell].origin.partition("/")
        cell = origin if kind == "models" else ""


def _target(record: Record) -> str:
    """Return a stage as DVC names it."""
    return f"{record.stage}@{record.cell}"


def _time(stages: Sequence[Record], timings: Timings) -> str:
    """Return the total time of the stages; absent where the time of one is unknown."""
    known = [timings.of(stage) for stage in stages]
    seconds = [one for one in known if one is not None]
    return duration(sum(seconds)) if seconds and len(seconds) == len(known) else ABSENT
