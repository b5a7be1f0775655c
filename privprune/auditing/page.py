"""The page of an audit: one self-contained file of HTML in the style of the reports, with everything escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import jinja2
from markupsafe import Markup

from privprune.checks import Check
from privprune.report.checks import fold_of
from privprune.report.view import FigureView, Fold
from privprune.tables import Table, html
from privprune.tables.table import labels, row, texts
from privprune.verdicts import CheckOf

_templates = jinja2.Environment(
    loader=jinja2.ChoiceLoader([jinja2.PackageLoader("privprune.auditing"), jinja2.PackageLoader("privprune.report")]),
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=jinja2.StrictUndefined,
    autoescape=True,
)


@dataclass(frozen=True)
class Part:
    """A titled part of the page.

    Attributes:
        anchor: unique on the page.
        title: its heading.
        words: paragraphs above everything else.
        tables, figures, folds: shown in this order.

    """

    anchor: str
    title: str
    words: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[FigureView, ...] = ()
    folds: tuple[Fold, ...] = ()


@dataclass(frozen=True)
class AuditPage:
    """The content of a page.

    Attributes:
        kind: of the audit; the template `reading_<kind>` says how to read the page.
        title: names the audited model.
        lead: sentences with the result.
        figure: beside them, on the first screen; None where nothing can be shown.
        facts: a term and its texts, each on a line of its own: what was audited.
        parts: in the order of the page.

    """

    kind: Literal["membership", "split"]
    title: str
    lead: tuple[str, ...]
    figure: FigureView | None
    facts: tuple[tuple[str, tuple[str, ...]], ...]
    parts: tuple[Part, ...]


def render(page: AuditPage) -> str:
    """Return the page as HTML; the same content gives the same bytes, and the page loads and runs nothing."""
    # The table's own template escapes all cells.
    tables = {table.name: Markup(html(table)) for part in page.parts for table in part.tables}  # noqa: S704
    return _templates.get_template("audit.html.jinja").render(page=page, tables=tables)


def not_run_parts(not_run: Mapping[str, str]) -> tuple[Part, ...]:
    """Return the part that says why attacks were not run, label -> why; none where all were."""
    if not not_run:
        return ()
    table = Table(
        name="not_run",
        title="Attacks that were not run",
        caption="",
        columns=(*labels("Attack"), *texts("Why")),
        rows=tuple(row(label, why) for label, why in not_run.items()),
        notes=(),
    )
    return (Part("not-run", "Not run", (), (table,)),)


def fold_of_checks(subject: str, checks: Sequence[Check]) -> Fold:
    """Return the checks of a subject as a list to unfold, the failed ones first."""
    return fold_of(subject, [CheckOf("", subject, one) for one in checks])
