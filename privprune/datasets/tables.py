"""Tables as text to vectors of numbers: numeric columns standardised, categories as one column of 0 and 1 each."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from privprune.datasets.raw import Array
from privprune.errors import UserError, shown

MISSING = ("", "na", "n/a", "nan", "null", "?")  # in any case; what tables have where a value is missing
MOST_CATEGORIES = 1000  # of one column; a column with more is a name or a number of the record
LARGEST = 1e30  # its square can still be computed with


@dataclass(frozen=True)
class Table:
    """The records of a file.

    Attributes:
        file: where they are from, for messages.
        columns: name -> the text of each record, without spaces around it.
        lines: number of the line on which each record ends, for messages.

    """

    file: str
    columns: Mapping[str, Sequence[str]]
    lines: Sequence[int]

    def __len__(self) -> int:
        return len(self.lines)

    def at(self, record: int, column: str) -> str:
        """Return how a message names a value."""
        return f"{self.file}: line {self.lines[record]}, column {column}"


def read_table(path: Path, delimiter: str) -> Table:
    """Read a table in UTF-8, whose first line has the names of its columns.

    Raises:
        UserError: the file is missing, empty, not UTF-8 or not such a table; names the line.

    """
    reader = None
    try:
        if not path.is_file():  # a device never ends
            raise UserError(f"{path}: found no such file, allowed a table with the names of its columns first")
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
            names = [name.strip() for name in next(reader, [])]
            _check_names(names, path, delimiter)
            rows = [(reader.line_num, [value.strip() for value in row]) for row in reader if row]
    except OSError as failure:
        raise UserError(f"{path}: could not be read, {failure.strerror}") from None
    except UnicodeDecodeError as failure:
        raise UserError(f"{path}: found bytes that are not UTF-8 ({failure.reason}), allowed UTF-8") from None
    except csv.Error as failure:
        line = 1 if reader is None else reader.line_num
        raise UserError(f"{path}: line {line}: not readable as a table ({failure})") from None
    for line, row in rows:
        if len(row) != len(names):
            raise UserError(f"{path}: line {line}: found {len(row)} values, allowed {len(names)} as in line 1")
    if not rows:
        raise UserError(f"{path}: found no records, allowed lines below the names of the columns")
    columns = zip(*(row for _, row in rows), strict=True)
    return Table(str(path), dict(zip(names, columns, strict=True)), [line for line, _ in rows])


def _check_names(names: Sequence[str], path: Path, delimiter: str) -> None:
    if not names:
        raise UserError(f"{path}: found an empty file, allowed a table with the names of its columns first")
    if len(names) == 1:
        raise UserError(
            f"{path}: line 1: found one column, {shown(names[0])}, allowed two or more with {shown(delimiter)} between "
            "them (`delimiter`)"
        )
    if "" in names:
        raise UserError(f"{path}: line 1: found no name for column {names.index('') + 1}, allowed a name for each")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{path}: line 1: found the column {shown(twice)} twice, allowed once")


def check_complete(tables: Sequence[Table], columns: Sequence[str]) -> None:
    """Check that no value is missing.

    Raises:
        UserError: names the line and the column of the first that is.

    """
    for table in tables:
        gaps = [
            (record, column)
            for column in columns
            for record, text in enumerate(table.columns[column])
            if len(text) <= 4 and text.lower() in MISSING
        ]
        if gaps:
            record, column = min(gaps, key=lambda gap: gap[0])
            found = table.columns[column][record]
            raise UserError(f"{table.at(record, column)}: found {shown(found)}, allowed a value (none may be missing)")


def encoded(tables: Sequence[Table], train: Array, columns: Sequence[str], categories: Sequence[str]) -> Array:
    """Return the records of tables, one after the other, as vectors: float32 [N, D].

    A column is numeric if all its values are numbers, and has categories if none is or `categories` names it.

    Args:
        tables: with the same columns, in which no value is missing.
        train: positions of the training records, int64 [n].
        columns: those that are used, in this order.
        categories: columns whose values are categories, even if they are numbers.

    Raises:
        UserError: a column has numbers and other values, a number that is not finite, or more categories than
            `MOST_CATEGORIES`.

    """
    parts = []
    for column in columns:
        values = None if column in categories else _numbers(tables, column)
        parts.append(_one_hot(tables, column, train) if values is None else standardised(values[:, None], train))
    return np.concatenate(parts, axis=1)


def _numbers(tables: Sequence[Table], column: str) -> Array | None:
    """Return a column's numbers, float64 [N], or None where none of its values is a number."""
    found = [(table, record, _number(text)) for table in tables for record, text in enumerate(table.columns[column])]
    if all(number is None for _, _, number in found):
        return None
    for table, record, number in found:
        if number is None or not abs(number) <= LARGEST:
            raise UserError(
                f"{table.at(record, column)}: found {shown(table.columns[column][record])}, allowed numbers from "
                f"{-LARGEST:g} to {LARGEST:g} as in other lines, or the column among `categories`"
            )
    return np.array([number for _, _, number in found], dtype=np.float64)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def standardised(values: Array, train: Array) -> Array:
    """Subtract the mean of the training records and divide by their standard deviation.

    Args:
        values: float64 [N, columns].
        train: positions of the training records, int64 [n].

    Returns:
        float32 of the same shape; a column that is constant in training is only shifted.

    """
    known = values[train]
    deviation = known.std(0)
    scaled: Array = (values - known.mean(0)) / np.where(deviation > 0, deviation, 1.0)
    return scaled.astype(np.float32)


def _one_hot(tables: Sequence[Table], column: str, train: Array) -> Array:
    """Return a column per category of the training records, sorted: float32; another category in test is all 0.

    Raises:
        UserError: there are more categories than `MOST_CATEGORIES`.

    """
    texts = np.array([text for table in tables for text in table.columns[column]])
    names = np.unique(texts[train])
    if len(names) > MOST_CATEGORIES:
        raise UserError(
            f"{tables[0].file}: column {column}: found {len(names):,} categories, allowed at most {MOST_CATEGORIES:,}; "
            "leave it out with `columns`"
        )
    hot: Array = (texts[:, None] == names).astype(np.float32)
    return hot


def class_numbers(labels: Sequence[str]) -> tuple[Array, tuple[str, ...]]:
    """Return the number of each label's class, int64 [N], and the names of the classes.

    Classes are sorted by their names, or by their values where all are whole numbers.
    """
    names = sorted(set(labels))
    if all(_is_whole(name) for name in names):
        names.sort(key=int)
    numbers = {name: number for number, name in enumerate(names)}
    return np.array([numbers[label] for label in labels], dtype=np.int64), tuple(names)


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()
