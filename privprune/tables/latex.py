"""A table as LaTeX with booktabs, alone or all in one document that compiles."""

import math
import re
from collections.abc import Sequence

import jinja2

from privprune.tables.table import Table

_PAGE = 40  # lines that fit on one page; a longer table may break over pages
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


def _lines(table: Table) -> int:
    """Estimate the height of a table in lines: text columns break, all others do not."""
    prose = [
        [cell.text for cell, column in zip(row, table.columns, strict=True) if column.kind == "text"]
        for row in table.rows
    ]
    return sum(max([1, *(math.ceil(len(text) / _WIDTH) for text in texts)]) for texts in prose)


def _heading(title: str) -> str:
    """Break a heading after its colon, so that a narrow column stays narrow."""
    first, colon, rest = title.partition(": ")
    return rf"\shortstack{{{escape(first)}:\\{escape(rest)}}}" if colon else escape(title)


def latex(table: Table) -> str:
    """Return a table for use in a paper; its first line names the packages that it needs."""
    return _templates.get_template("table.tex.jinja").render(
        table=table,
        headings=[_heading(column.title) for column in table.columns],
        columns=" ".join(_COLUMNS[column.kind] for column in table.columns),
        long=_lines(table) > _PAGE,
    )


def latex_document(tables: Sequence[Table], title: str) -> str:
    """Return all tables as one complete document."""
    return _templates.get_template("document.tex.jinja").render(title=title, tables=[latex(table) for table in tables])


_templates.filters["latex"] = escape
