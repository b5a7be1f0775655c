"""Which cells make the curves of Figures 4a to 4c, and their numbers: the one place that knows how a suite says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from privprune.plots.accuracy_error import Curve, CurvePoint, Swept
from privprune.plots.defended import Defended
from privprune.plots.style import feature_defence, feature_look
from privprune.published.printed_figures import PrintedFigures
from privprune.verdicts import Evaluation

# Printed figure -> its panel's title. A curve belongs to the first one whose key its name begins with, else to 4a.
_FIGURES = {"4b": "4b: strength of CEM", "4c": "4c: place of the cut", "4a": "4a: noise"}


def sweeps(evaluation: Evaluation) -> Mapping[str, tuple[str, ...]]:
    """Return the cells of every curve in their order: name of the curve -> cells.

    A name is a defence, such as `noise_arl+cem`, or the printed figure before it, such as `4b/cem, lambda 16`.
    """
    return {"": evaluation.sweep} if evaluation.sweep else {}


def swept(
    evaluation: Evaluation, cells: Sequence[Defended], attack: str, printed: PrintedFigures
) -> list[Swept]:
    """Return one panel per printed figure that has a curve of at least two cells."""
    known = {cell.cell: cell for cell in cells}
    gathered: dict[str, list[Curve]] = {}
    for name, members in sweeps(evaluation).items():
        figure, _, defence = name.rpartition("/")
        own = [known[cell] for cell in members if cell in known]
        points = tuple(one for cell in own if (one := _point(cell, attack)) is not None)
        if len(points) > 1:
            gathered.setdefault(figure or "4a", []).append(_curve(defence, own, points, printed, figure or "4a"))
    return [Swept(title, tuple(gathered[figure])) for figure, title in sorted(_FIGURES.items()) if figure in gathered]


def _curve(
    defence: str, cells: Sequence[Defended], points: tuple[CurvePoint, ...], printed: PrintedFigures, figure: str
) -> Curve:
    """Return one curve; without a name of its own it looks like its first cell."""
    base, cem = feature_defence(defence) if defence else (cells[0].base, cells[0].cem)
    look = feature_look(base, [base])
    return Curve(look, cem, points, printed.curves(figure).get(defence, ()))


def _point(cell: Defended, attack: str) -> CurvePoint | None:
    """Return a cell's accuracy and the attack's error, None where it was not measured."""
    error = cell.measure(attack, "mse")
    return None if error is None else CurvePoint(cell.cell, cell.accuracy, error)
