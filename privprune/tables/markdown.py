"""A table as Markdown."""

import re

from privprune.tables.table import Column, Table

_ESCAPED = re.compile(r"[\\|*`<>&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_RULES = {"label": ":---", "text": ":---", "number": "---:"}


def escape(text: str) -> str:
    """Return plain text escaped for Markdown, on one line."""
    return _ESCAPED.sub(lambda match: _ENTITIES.get(match.group(), "\\" + match.group()), " ".join(text.split()))


def markdown(table: Table) -> str:
    """Return a table with its title, caption and notes."""
    lines = [f"### {escape(table.title)}", "", escape(table.caption), ""]
    lines += [_line([escape(column.title) for column in table.columns]), _line([_rule(one) for one in table.columns])]
    lines += [_line([escape(cell.text) for cell in cells]) for cells in table.rows]
    lines += ["", *(f"- {escape(note)}" for note in table.notes)] if table.notes else []
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(column: Column) -> str:
    return _RULES[column.kind]
