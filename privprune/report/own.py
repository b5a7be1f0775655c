"""The section of one's own experiments: figures, tables and checks, and no verdicts, as nothing is printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from privprune.plots.drawing import Picture
from privprune.records import Record
from privprune.report.checks import checks_part
from privprune.report.figures import figure_view
from privprune.report.table_views import table_view
from privprune.report.view import Part
from privprune.tables import build_own
from privprune.verdicts import OWN, Evaluation, own_paper

_WORDS = (
    "Cells of one's own, with the names that the suite gives them. Nothing is printed to compare them with, so they "
    "have no verdicts; the checks below say whether networks, defences and attacks did what they should. To make them "
    "again: uv run dvc repro evaluate@own."
)


@dataclass(frozen=True)
class Own:
    """One's own experiments: their numbers and figures."""

    evaluation: Evaluation
    pictures: Sequence[Picture]


def own_part(own: Own, records: Sequence[Record]) -> Part:
    """Return the section; the records are linked."""
    tables = build_own(own.evaluation, own_paper(own.evaluation))
    figures = tuple(figure_view(picture) for picture in own.pictures)
    folds = checks_part(OWN, own.evaluation, records).folds
    names = {table.name for table in tables}
    shown = tuple(table_view(table, OWN, f"tables/{OWN}", names) for table in tables if table.name != "checks")
    return Part(OWN, "Own experiments", _WORDS, shown, figures, folds)
