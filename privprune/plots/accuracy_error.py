"""Figures 4a to 4c of CEM: test accuracy against the attack's error, one curve per defence, without and with CEM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator

from privprune.plots.marks import dash, entries, mark, printed, printed_entry
from privprune.plots.series import Point
from privprune.plots.style import PAPER, TEXT_WIDTH, Look, journal, percent

_PER_ROW = 3


@dataclass(frozen=True)
class CurvePoint:
    """One cell of a sweep: its accuracy and the attack's MSE, both in [0, 1], and what is written beside it."""

    label: str
    accuracy: Point
    error: Point


@dataclass(frozen=True)
class Curve:
    """Cells that differ in one setting only, in its order, and the printed points (MSE, percent), if any compare."""

    look: Look
    cem: bool
    points: tuple[CurvePoint, ...]
    printed: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Swept:
    """One panel: the curves of one printed figure."""

    title: str
    curves: tuple[Curve, ...]


def draw(panels: Sequence[Swept], attack: str) -> Figure:
    """Draw one panel per printed figure; `attack` is the name of the attack whose error is on the x axis."""
    columns = min(len(panels), _PER_ROW)
    rows = ceil(len(panels) / columns)
    with journal():
        width = TEXT_WIDTH if columns > 1 else 0.72 * TEXT_WIDTH
        figure = Figure(figsize=(width, (2.7 if columns > 1 else 3.4) * rows + 0.75))
        axes = figure.subplots(rows, columns, squeeze=False)
        for place, where in enumerate(axes.flat):
            if place < len(panels):
                _panel(where, panels[place], attack)
            else:
                where.set_axis_off()
        for where in axes[:, 0]:
            where.set_ylabel("Test accuracy")
        _legend(figure, [curve for panel in panels for curve in panel.curves], columns)
    return figure


def _panel(axes: Axes, panel: Swept, attack: str) -> None:
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
    """Write a point's label; neighbours take turns, so that close ones stay legible."""
    axes.annotate(
        one.label,
        (one.error.value, one.accuracy.value),
        xytext=(3, 4) if above else (-3, -4),
        textcoords="offset points",
        ha="left" if above else "right",
        va="bottom" if above else "top",
        fontsize=6,
        color=colour,
        path_effects=[withStroke(linewidth=2, foreground=PAPER)],
        zorder=4,
    )


def _legend(figure: Figure, curves: Sequence[Curve], columns: int) -> None:
    handles = entries([curve.look for curve in curves], cem=any(curve.cem for curve in curves))
    if any(curve.printed for curve in curves):
        handles.append(printed_entry())
    figure.legend(handles=handles, loc="outside lower left", ncols=4 if columns > 1 else 3)
