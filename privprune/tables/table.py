"""A table as data: one source for its Markdown, LaTeX, HTML and CSV."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from privprune.verdicts import ComparisonPlace

ABSENT = "\N{EN DASH}"  # what a table shows where there is nothing to show
MINUS = "\N{MINUS SIGN}"  # as wide as the plus


@dataclass(frozen=True)
class Column:
    """A column's heading and alignment; `text` is prose that may be broken over lines."""

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
        notes: printed under it: marks, tolerances, and what must be said about the data.

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
    """Show a verdict with the style of its name."""
    return TableCell(text, text.replace(" ", "-"))


def printed_place(dataset: str, model: str) -> str:
    """Name a printed data set and model."""
    return f"{dataset}, {model}"


def measured_place(place: ComparisonPlace) -> str:
    """Name what stands behind a measurement: data set, network and division of the records."""
    apart = " (ours)" if place.ours else " (stand-in)" if place.stand_in else ""
    return f"{place.data}, {place.network}, {place.protocol}{apart}"


def instead_of_its_data(places: Iterable[ComparisonPlace]) -> str:
    """Say what a claim was tested on where none of the places has the paper's own data; empty where one has."""
    found = list(places)
    if not found or not all(place.stand_in for place in found):
        return ""
    named = dict.fromkeys("data of ours" if place.ours else "stand-in data" for place in found)
    return " and ".join(sorted(named, reverse=True))
