"""A table as LaTeX with booktabs, alone or all in one document that compiles."""

import re
from collections.abc import Sequence

import jinja2

from privprune.tables.table import Table

_LONG = 40  # rows that no longer fit on one page; such a table may break over pages
_SYMBOLS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "[": "{[}", "]": "{]}", "*": "{*}",  # after a line's end LaTeX takes these for its own
    "\N{MULTIPLICATION SIGN}": r"$\times$", "\N{MINUS SIGN}": "$-$", "\N{EN DASH}": "--", "—": "---",
    "\N{LEFT SINGLE QUOTATION MARK}": "`", "\N{RIGHT SINGLE QUOTATION MARK}": "'", "“": "``", "”": "''",
    "±": r"$\pm$", "≤": r"$\le$", "≥": r"$\ge$", "·": r"$\cdot$", "→": r"$\to$", "ε": r"$\varepsilon$",
    "…": r"\ldots{}", "\N{NO-BREAK SPACE}": "~", "\N{THIN SPACE}": r"\,",
}  # fmt: skip
_SPECIAL = re.compile("|".join(re.escape(symbol) for symbol in _SYMBOLS))
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
    """Write plain text so that LaTeX prints it as it is, on one line."""
    return _SPECIAL.sub(lambda found: _SYMBOLS[found.group()], " ".join(text.split(" ")).replace("\n", " "))


def _heading(title: str) -> str:
    """Break a heading after its colon, so that a narrow column stays narrow."""
    first, colon, rest = title.partition(": ")
    return rf"\shortstack{{{escape(first)}:\\{escape(rest)}}}" if colon else escape(title)


def latex(table: Table) -> str:
    """Write a table to be put into a paper; its first line names the packages that it needs."""
    return _templates.get_template("table.tex.jinja").render(
        table=table,
        headings=[_heading(column.title) for column in table.columns],
        columns=" ".join(_COLUMNS[column.kind] for column in table.columns),
        long=len(table.rows) > _LONG,
    )


def latex_document(tables: Sequence[Table], title: str) -> str:
    """Write all tables as one document that compiles by itself."""
    return _templates.get_template("document.tex.jinja").render(title=title, tables=[latex(table) for table in tables])


_templates.filters["latex"] = escape
