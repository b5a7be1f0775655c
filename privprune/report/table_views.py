"""How a table stands on the page: folded or open, with its file, and a summary of what is inside."""

from __future__ import annotations

from collections.abc import Collection

from privprune.report.view import TableView
from privprune.tables import Table
from privprune.tables.table import ABSENT

_BIG = 12  # rows from which on a table can be sorted and filtered
_WIDE, _WIDEST = 9, 17  # columns up to which a table fits a screen, and a page
_FOLDED = {
    *("attacks", "base_rates", "comparisons", "controls", "curves", "every_attack", "features", "gains", "inversions"),
    *("literature", "overview", "quantisation", "rerun", "search"),
}
_FOLDED_WHEN_BIG = {"matched", "sweep"}
_SEEDS = "Seeds"
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
    return TableView(
        table=table,
        anchor=f"table-{prefix}-{table.name}",
        csv=f"{folder}/{table.name}.csv" if table.name in written else "",
        folded=unmeasured or table.name in _FOLDED or (big and table.name in _FOLDED_WHEN_BIG),
        summary=f"{rows}, none of them measured" if unmeasured else rows,
        classes=" ".join(["wide"] * (wide > _WIDE) + ["widest"] * (wide > _WIDEST) + ["big"] * big),
        notes=notes_summary(table.notes),
    )


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
