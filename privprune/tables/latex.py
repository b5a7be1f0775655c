"""A table as LaTeX with booktabs, alone or all in one document that compiles.

A table is never wider than the column that it stands in: it is scaled down to the width of a line. Headings are broken,
so that it need not be scaled more than its numbers ask for, and a table longer than a page is divided into several.
"""

import math
import re
import textwrap
from collections.abc import Iterator, Sequence

import jinja2

from privprune.tables.table import Column, Table, TableCell

_PAGE = 40  # lines that fit on one page; a longer table is divided
_HEADING = 14  # letters of a line of a heading
_WIDTH = 35  # letters that fit into a line of a text column
_SYMBOLS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "[": "{[}", "]": "{]}", "*": "{*}",  # after a line break LaTeX would read these as arguments
    "\N{MULTIPLICATION SIGN}": r"$\times$", "\N{MINUS SIGN}": "$-$", "\N{EN DASH}": "--", "—": "---",
    "\N{LEFT SINGLE QUOTATION MARK}": "`", "\N{RIGHT SINGLE QUOTATION MARK}": "'", "“": "``", "”": "''",
    "±": r"$\pm$", "≤": r"$\le$", "≥": r"$\ge$", "·": r"$\cdot$", "→": r"$\to$", "ε": r"$\varepsilon$",
    "…": r"\ldots{}", "\N{NO-BREAK SPACE}": "~", "\N{THIN SPACE}": r"\,",
}  # fmt: skip
_SPECIAL = re.compile(
    "|".join([*map(re.escape, _SYMBOLS), "[^\n -\u017f]"])
)  # the last: characters beyond the Latin alphabets
_COLUMNS = {"label": "l", "number": "r", "text": r">{\raggedright\arraybackslash}p{5.5cm}"}
_SIDES = {"label": "l", "number": "r", "text": "l"}  # to which the lines of a heading are set

_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("privprune.tables"),
    block_start_string="<%",
    block_end_string="%>",
    variable_start_string="<<",
    variable_end_string=">>",
    comment_start_string="<#",
    comment_end_string="#>",
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=jinja2.StrictUndefined,
    autoescape=False,  # noqa: S701 (HTML's escapes are wrong in LaTeX; the filter `latex` makes LaTeX's)
)


def escape(text: str) -> str:
    """Return plain text escaped for LaTeX, on one line; characters without a glyph become their code points."""
    return _SPECIAL.sub(lambda match: _SYMBOLS.get(match[0], f"U+{ord(match[0]):04X}"), " ".join(text.split()))


def _lines(row: Sequence[TableCell], columns: Sequence[Column]) -> int:
    """Estimate the height of a row in lines: text columns break, all others do not."""
    prose = [cell.text for cell, column in zip(row, columns, strict=True) if column.kind == "text"]
    return max([1, *(math.ceil(len(text) / _WIDTH) for text in prose)])


def _heading(column: Column) -> str:
    """Break a heading over lines, so that a narrow column stays narrow."""
    first, colon, rest = column.title.partition(": ")
    parts = [f"{first}:", rest] if colon else [first]
    lines = [line for part in parts for line in textwrap.wrap(part, _HEADING, break_long_words=False)]
    if len(lines) < 2:
        return escape(column.title)
    return rf"\shortstack[{_SIDES[column.kind]}]{{" + r" \\ ".join(map(escape, lines)) + "}"


def _parts(table: Table) -> Iterator[tuple[tuple[TableCell, ...], ...]]:
    """Yield the rows of a table in parts that fit on one page each; one part without rows for an empty table."""
    part: list[tuple[TableCell, ...]] = []
    height = 0
    for row in table.rows:
        lines = _lines(row, table.columns)
        if part and height + lines > _PAGE:
            yield tuple(part)
            part, height = [], 0
        part.append(row)
        height += lines
    yield tuple(part)


def latex(table: Table, prefix: str = "") -> str:
    """Return a table for use in a paper; its first line names the packages that it needs.

    Args:
        table: the table.
        prefix: what its label begins with after `tab:`, so that tables of several papers can stand in one document.

    """
    return _templates.get_template("table.tex.jinja").render(
        table=table,
        label=f"tab:{prefix}-{table.name}" if prefix else f"tab:{table.name}",
        headings=[_heading(column) for column in table.columns],
        columns=" ".join(_COLUMNS[column.kind] for column in table.columns),
        parts=list(_parts(table)),
    )


def latex_document(tables: Sequence[Table], title: str, prefix: str = "") -> str:
    """Return all tables as one complete document; labels begin with the prefix."""
    texts = [latex(table, prefix) for table in tables]
    return _templates.get_template("document.tex.jinja").render(title=title, tables=texts)


_templates.filters["latex"] = escape
