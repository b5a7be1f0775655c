"""Headings of a table in two rows, where several columns are about one quantity; marks of notes at its numbers."""

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
    """A heading over one column or, with the columns' own titles below it, over several."""

    title: str
    columns: tuple[Column, ...]

    @property
    def grouped(self) -> bool:
        """Whether the columns have titles of their own below."""
        return len(self.columns) > 1


def marked(text: str) -> tuple[str, str]:
    """Divide `53.41 (b)` into the number and the mark of its note; a text without mark keeps all of itself."""
    found = _MARK.fullmatch(text)
    return (found[1], _LETTERS.sub("", found[2])) if found else (text, "")


def headings(columns: Sequence[Column]) -> list[Heading]:
    """Gather neighbours whose titles begin alike: `Loss (nats): mean`, `Loss: sum` stand under `Loss (nats)`."""
    found = []
    for quantity, group in groupby(columns, key=_quantity):
        own = list(group)
        if len(own) == 1 or not quantity:
            found += [Heading(column.title, (column,)) for column in own]
        else:
            parts = [column.title.partition(": ") for column in own]
            below = [Column(_capital(rest), column.kind) for (_, _, rest), column in zip(parts, own, strict=True)]
            found.append(Heading(max((first for first, _, _ in parts), key=len), tuple(below)))
    return found


def _quantity(column: Column) -> str:
    """Return what stands before the colon, without its unit; empty where there is no colon."""
    first, colon, _ = column.title.partition(": ")
    return _UNIT.sub("", first) if colon else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
