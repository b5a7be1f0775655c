"""Figures 4a to 4c of CEM: test accuracy against the attack's error, one curve per defence, without and with CEM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from privprune.plots.marks import dash, entries, mark, printed, printed_entry
from privprune.plots.panels import filled, rows_and_columns, write_beside
from privprune.plots.series import Point
from privprune.plots.style import TEXT_WIDTH, Look, journal, percent

_PER_ROW = 3


@dataclass(frozen=True)
class CurvePoint:
    """One cell of a curve: the label beside it, its accuracy and the attack's MSE, both in [0, 1]."""

    label: str
    accuracy: Point
    error: Point


@dataclass(frozen=True)
class Curve:
    """Cells that differ in one setting, in its order, and the comparable printed points (MSE, percent), if any."""

    look: Look
    cem: bool
    points: tuple[CurvePoint, ...]
    printed: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class CurvePanel:
    """One panel: the curves of one printed figure."""

    title: str
    curves: tuple[Curve, ...]


def draw(panels: Sequence[CurvePanel], attack: str) -> Figure:
    """Draw one panel per printed figure; `attack` is the name of the attack whose error is on the x axis."""
    rows, columns = rows_and_columns(panels, _PER_ROW)
    with journal():
        width = TEXT_WIDTH if columns > 1 else 0.72 * TEXT_WIDTH
        figure = Figure(figsize=(width, (2.7 if columns > 1 else 3.4) * rows + 0.75))
        axes = figure.subplots(rows, columns, squeeze=False)
        for where, panel in filled(axes, panels):
            _panel(where, panel, attack)
        for where in axes[:, 0]:
            where.set_ylabel("Test accuracy")
        _legend(figure, [curve for panel in panels for curve in panel.curves], columns)
    return figure


def _panel(axes: Axes, panel: CurvePanel, attack: str) -> None:
    """Draw the curves of one figure."""
    for curve in panel.curves:
        printed(axes, [(x, y / 100) for x, y in curve.printed], curve.look.colour)
        _curve(axes, curve)
    axes.set_title(panel.title)
    axes.set_xlabel(f"MSE: {attack}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(percent))


def _curve(axes: Axes, curve: Curve) -> None:
    """Join the cells of one curve in their order, and write each one's label beside it."""
    path = [(one.error.value, one.accuracy.value) for one in curve.points]
    if path:
        line = dash(cem=curve.cem)
        axes.plot(*zip(*path, strict=True), color=curve.look.colour, linewidth=1.0, linestyle=line, alpha=0.8, zorder=2)
    for number, one in enumerate(curve.points):
        mark(axes, one.error, one.accuracy, curve.look, cem=curve.cem)
        _label(axes, one, curve.look.colour, above=number % 2 == 0)


def _label(axes: Axes, one: CurvePoint, colour: str, *, above: bool) -> None:
    """Write a point's label; neighbours alternate between two sides, so that close labels stay legible."""
    offset, align = ((3, 4), ("left", "bottom")) if above else ((-3, -4), ("right", "top"))
    write_beside(axes, one.label, (one.error.value, one.accuracy.value), offset, colour, size=6, align=align)


def _legend(figure: Figure, curves: Sequence[Curve], columns: int) -> None:
    handles = entries([curve.look for curve in curves], cem=any(curve.cem for curve in curves))
    if any(curve.printed for curve in curves):
        handles.append(printed_entry())
    figure.legend(handles=handles, loc="outside lower left", ncols=4 if columns > 1 else 3)
