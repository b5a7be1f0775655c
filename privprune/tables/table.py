"""A table as data: one source for its Markdown, LaTeX, HTML and CSV."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from privprune.verdicts import ComparisonPlace, MeasuredCell

ABSENT = "\N{EN DASH}"  # text of a cell without content
MINUS = "\N{MINUS SIGN}"  # as wide as the plus


@dataclass(frozen=True)
class Column:
    """A column's heading and kind, which decides its alignment; `text` is prose that may be broken over lines."""

    title: str
    kind: Literal["label", "number", "text"]


@dataclass(frozen=True)
class TableCell:
    """A cell's plain text, and a style such as a verdict's (`reproduced`, `not-run`); empty for none."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: stem of its files.
        title: short title.
        caption: what it shows, in a sentence or two.
        columns: one per cell of a row.
        rows: the cells.
        notes: texts under the table: marks, tolerances, notes on the data.

    """

    name: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[TableCell, ...], ...]
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse rows that do not fit the columns."""
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"table {self.name}: a row has not {len(self.columns)} cells")


def labels(*titles: str) -> tuple[Column, ...]:
    """Return columns of names."""
    return tuple(Column(title, "label") for title in titles)


def numbers(*titles: str) -> tuple[Column, ...]:
    """Return columns of numbers."""
    return tuple(Column(title, "number") for title in titles)


def texts(*titles: str) -> tuple[Column, ...]:
    """Return columns of prose."""
    return tuple(Column(title, "text") for title in titles)


def row(*cells: str | TableCell) -> tuple[TableCell, ...]:
    """Make a row of texts and cells."""
    return tuple(cell if isinstance(cell, TableCell) else TableCell(cell) for cell in cells)


def verdict(text: str) -> TableCell:
    """Return a cell with a verdict, in the style of the same name."""
    return TableCell(text, text.replace(" ", "-"))


def printed_place(dataset: str, model: str) -> str:
    """Return the text for a printed data set and model."""
    return f"{dataset}, {model}"


def measured_on(cell: MeasuredCell) -> str:
    """Return the text for data set, network and protocol of a cell."""
    return f"{cell.data}, {cell.model}, {cell.protocol}"


def measured_place(place: ComparisonPlace) -> str:
    """Return the text for data set, network and protocol of a comparison, and whether they are not the paper's."""
    marker = " (ours)" if place.ours else " (stand-in)" if place.stand_in else ""
    return f"{place.data}, {place.network}, {place.protocol}{marker}"


def instead_of_its_data(places: Iterable[ComparisonPlace]) -> str:
    """Return which data replace the paper's where no place has the paper's own data; empty where one has."""
    tested = list(places)
    if not tested or not all(place.stand_in for place in tested):
        return ""
    named = dict.fromkeys("data of ours" if place.ours else "stand-in data" for place in tested)
    return " and ".join(sorted(named, reverse=True))
