"""How a table stands on the page: folded or open, with its file, and a summary of what is inside."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from privprune.report.view import PageView, TableView
from privprune.tables import Table, TableCell
from privprune.tables.table import ABSENT

_BIG = 12  # rows from which on a table can be sorted and filtered
_WIDE, _WIDEST = 9, 17  # columns up to which a table fits a screen, and a page
_FOLDED = {
    *("attacks", "base_rates", "comparisons", "controls", "curves", "every_attack", "features", "gains", "inversions"),
    *("literature", "overview", "quantisation", "rerun", "search"),
}
_FOLDED_WHEN_BIG = {"matched", "sweep"}
_SEEDS = "Seeds"
_LEFT = "left-"  # begin of the class of a table whose column of that number is aligned to the left
_NOT_RUN = "not-run"
_ABOUT = {  # begin or part of a note -> what the summary of folded notes calls it
    "(a)": "marks",
    "Tolerance": "tolerances",
    "nterval": "intervals",
    "Student's t": "intervals",
    "Data set": "data",
}


def table_view(table: Table, prefix: str, folder: str, written: Collection[str]) -> TableView:
    """Return a table as the page shows it.

    Args:
        table: the table.
        prefix: what its anchor begins with, so that it is unique on the page.
        folder: where its files are, relative to the page.
        written: the names of the tables that have files.

    """
    unmeasured = not measured(table)
    big, wide = len(table.rows) >= _BIG, len(table.columns)
    rows = f"{len(table.rows)} row{'' if len(table.rows) == 1 else 's'}"
    left = [f"{_LEFT}{number}" for number, column in enumerate(table.columns[1:], start=2) if column.kind == "label"]
    return TableView(
        table=replace(table, rows=tuple(_said_once(row) for row in table.rows)),
        anchor=f"table-{prefix}-{table.name}",
        csv=f"{folder}/{table.name}.csv" if table.name in written else "",
        folded=unmeasured or table.name in _FOLDED or (big and table.name in _FOLDED_WHEN_BIG),
        summary=f"{rows}, none of them measured" if unmeasured else rows,
        classes=" ".join(["wide"] * (wide > _WIDE) + ["widest"] * (wide > _WIDEST) + ["big"] * big + left),
        notes=notes_summary(table.notes),
    )


def _said_once(row: tuple[TableCell, ...]) -> tuple[TableCell, ...]:
    """Return a row of which nothing was run with that word at its first printed number only, and the others alone."""
    verdicts = [place for place, cell in enumerate(row) if cell.style and cell.text != ABSENT]
    if len(verdicts) < 2 or any(row[place].style != _NOT_RUN for place in verdicts):
        return row
    return tuple(
        TableCell("") if cell.style == _NOT_RUN and place != verdicts[0] else cell for place, cell in enumerate(row)
    )


def left_columns(page: PageView) -> tuple[int, ...]:
    """Return the columns that some table of a page aligns to the left, counted from 1; the first always is."""
    classes = {name for view in _tables(page) for name in view.classes.split() if name.startswith(_LEFT)}
    return tuple(sorted(int(name.removeprefix(_LEFT)) for name in classes))


def _tables(page: PageView) -> Iterable[TableView]:
    """Return all tables of a page."""
    parts = [*page.own, *page.matrices, *page.literature, *(part for paper in page.papers for part in paper.parts)]
    return [*(table for part in parts for table in part.tables), *(paper.overview for paper in page.papers)]


def measured(table: Table) -> bool:
    """Whether any row was measured: of a table with a column of seeds, whether one row has some."""
    titles = [column.title for column in table.columns]
    if _SEEDS not in titles or not table.rows:
        return bool(table.rows)
    place = titles.index(_SEEDS)
    return any(row[place].text != ABSENT for row in table.rows)


def notes_summary(notes: tuple[str, ...]) -> str:
    """Return what folded notes are about; empty where they are too few to be folded."""
    if len(notes) < 2:
        return ""
    about = dict.fromkeys(word for note in notes for begin, word in _ABOUT.items() if begin in note)
    return f"{len(notes)} notes" + (f", among them on {', '.join(about)}" if about else "")
