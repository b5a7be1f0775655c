"""Evaluations as tables, and tables as Markdown, LaTeX, HTML and CSV."""

from privprune.tables.build import build, write
from privprune.tables.comma_separated import VERDICT_COLUMNS, comma_separated, verdicts_csv
from privprune.tables.cross import build_cross
from privprune.tables.html import html
from privprune.tables.latex import latex, latex_document
from privprune.tables.markdown import markdown
from privprune.tables.own import build_own
from privprune.tables.table import Column, Table, TableCell

__all__ = [
    "VERDICT_COLUMNS",
    "Column",
    "Table",
    "TableCell",
    "build",
    "build_cross",
    "build_own",
    "comma_separated",
    "html",
    "latex",
    "latex_document",
    "markdown",
    "verdicts_csv",
    "write",
]
