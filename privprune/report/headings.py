"""Headings in two rows, where several columns show one quantity, and the letters of notes beside numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from privprune.tables import Column

_UNIT = re.compile(r" \([^()]*\)$")
_LETTERS = re.compile(r"[() ]")
_MARK = re.compile(r"(.*?\S) (\([a-z]\)(?: \([a-z]\))*)")


@dataclass(frozen=True)
class Heading:
    """A heading over one column, or over several columns whose titles are below it."""

    title: str
    columns: tuple[Column, ...]

    @property
    def grouped(self) -> bool:
        """Whether the heading has the titles of its columns below it."""
        return len(self.columns) > 1


def marked(text: str) -> tuple[str, str]:
    """Split `53.41 (b)` into (`53.41`, `b`), the number and the letter of its note; without a note (text, empty)."""
    match = _MARK.fullmatch(text)
    return (match[1], _LETTERS.sub("", match[2])) if match else (text, "")


def headings(columns: Sequence[Column]) -> list[Heading]:
    """Group neighbours whose titles begin alike: `Loss (nats): mean` and `Loss: sum` share `Loss (nats)`."""
    gathered = []
    for quantity, group in groupby(columns, key=_quantity):
        neighbours = list(group)
        if len(neighbours) == 1 or not quantity:
            gathered += [Heading(column.title, (column,)) for column in neighbours]
        else:
            parts = [column.title.partition(": ") for column in neighbours]
            below = [
                Column(_capital(rest), column.kind) for (_, _, rest), column in zip(parts, neighbours, strict=True)
            ]
            gathered.append(Heading(max((first for first, _, _ in parts), key=len), tuple(below)))
    return gathered


def _quantity(column: Column) -> str:
    """Return the text before the colon, without its unit; empty where there is no colon."""
    first, colon, _ = column.title.partition(": ")
    return _UNIT.sub("", first) if colon else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
