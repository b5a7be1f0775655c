"""The curves of Figures 4a to 4c: the panel of each curve, and the numbers of its cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from privprune.plots.accuracy_error import Curve, CurvePanel, CurvePoint
from privprune.plots.inversion_cells import InversionCell
from privprune.plots.printed_figures import PrintedFigures
from privprune.plots.style import feature_defence, feature_look
from privprune.published import Paper

_TITLES = {"4a": "4a: strength of the defence", "4b": "4b: strength of CEM", "4c": "4c: place of the cut"}
_BESIDE_STRENGTH = ("bottleneck", "bottleneck+cem")  # the curves beside which Figure 4b draws those over lambda


def curve_panels(
    curves: Sequence[tuple[str, Sequence[str]]],
    cells: Sequence[InversionCell],
    attack: str,
    paper: Paper,
    printed: PrintedFigures,
) -> list[CurvePanel]:
    """Return one panel per printed figure that has a curve of at least two cells.

    Args:
        curves: per curve the name of its defence or control, and its cells in order.
        cells: the attacked cells of one data set, network and protocol.
        attack: the attack whose MSE is shown.
        paper: names the controls.
        printed: points of the printed figures, to be drawn beside the measured ones.

    """
    known = {cell.cell: cell for cell in cells}
    gathered: dict[str, list[Curve]] = {}
    names = [name for name, _ in curves]
    for name, members in curves:
        along = [known[cell] for cell in members if cell in known]
        measured = [_point(cell, attack, label) for cell, label in zip(along, varied(along), strict=True)]
        points = tuple(point for point in measured if point is not None)
        for figure in _figures(name, names) if len(points) > 1 else ():
            printed_points = printed.curves(figure).get(name, ())
            gathered.setdefault(figure, []).append(_curve(name, points, printed_points, paper))
            gathered[figure] += _with_cem(name, names, cells, attack, paper)
    return [CurvePanel(title, tuple(gathered[figure])) for figure, title in _TITLES.items() if figure in gathered]


def _with_cem(
    name: str, names: Sequence[str], cells: Sequence[InversionCell], attack: str, paper: Paper
) -> list[Curve]:
    """Return the one cell of a defence with CEM, which is compared with its curve, where that has no curve itself."""
    twins = [cell for cell in cells if cell.base == name and cell.cem and cell.in_tables]
    points = [_point(cell, attack, "") for cell in twins] if f"{name}+cem" not in names else []
    return [_curve(f"{name}+cem", (point,), (), paper) for point in points if point is not None]


def _figures(name: str, names: Sequence[str]) -> list[str]:
    """Return the printed figures that a curve belongs to."""
    if "lambda" in name:
        return ["4b"]
    if "cut" in name:
        return ["4c"]
    return ["4a", "4b"] if name in _BESIDE_STRENGTH and any("lambda" in one for one in names) else ["4a"]


def _curve(name: str, points: tuple[CurvePoint, ...], printed: tuple[tuple[float, ...], ...], paper: Paper) -> Curve:
    """Return one curve; a defence is drawn as in every figure, a control has the label that the paper's file gives."""
    base, cem = feature_defence(name)
    look = feature_look(base, [base])
    if name in paper.controls:
        look, cem = replace(look, label=paper.labels[name]), "cem" in name
    return Curve(look, cem, points, printed)


def varied(cells: Sequence[InversionCell]) -> list[str]:
    """Return the label of each cell: the only number in which their entries of the suite differ, else empty."""
    flat = [dict(_leaves("", cell.training.parameters)) for cell in cells]
    names = [name for name in dict.fromkeys(name for one in flat for name in one) if not name.endswith("seed")]
    differ = [name for name in names if len({str(one.get(name)) for one in flat}) > 1]
    values = [one.get(differ[0]) for one in flat] if len(differ) == 1 else []
    if values and all(isinstance(value, int | float) for value in values):
        return [f"{value:g}" for value in values]
    return [""] * len(cells)


def _leaves(prefix: str, content: Any) -> Iterator[tuple[str, Any]]:
    """Return the leaves of nested settings, `defence.strength` for {defence: {strength: ...}}."""
    if not isinstance(content, dict):
        yield prefix, content
        return
    for name, value in content.items():
        yield from _leaves(f"{prefix}.{name}" if prefix else str(name), value)


def _point(cell: InversionCell, attack: str, label: str) -> CurvePoint | None:
    """Return a cell's accuracy and the attack's error, None where it was not measured."""
    error = cell.measure(attack, "mse")
    return None if error is None else CurvePoint(label, cell.accuracy, error)
