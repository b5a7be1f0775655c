"""The section of the matrix of every defence under both threats, which no paper prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from privprune.plots.drawing import Picture
from privprune.report.figures import figure_view
from privprune.report.table_views import table_view
from privprune.report.view import Part
from privprune.tables import build_cross
from privprune.verdicts import CROSS, CrossEvaluation

_WORDS = (
    "What hides features need not hide members, and the other way round. Each paper looks at one threat; here every "
    "cell that could be was attacked in both ways, with the same attacks for all. There is no printed number to "
    "compare these with, so they have no verdict. To make them again: uv run dvc repro evaluate@cross."
)


@dataclass(frozen=True)
class Matrix:
    """The matrix of both threats: its numbers and its figures."""

    evaluation: CrossEvaluation
    pictures: Sequence[Picture]


def matrix_part(matrix: Matrix) -> Part:
    """Return the section."""
    figures = tuple(figure_view(picture) for picture in matrix.pictures)
    tables = build_cross(matrix.evaluation)
    names = {table.name for table in tables}
    views = tuple(table_view(table, CROSS, f"tables/{CROSS}", names) for table in tables)
    return Part(CROSS, "Both threats at once", _WORDS, views, figures)
