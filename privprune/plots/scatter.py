"""Scatter plots of pairs of quantities over the same cells: one mark per cell, joined where cells make a curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator

from privprune.plots.marks import dash, mark, size
from privprune.plots.series import Point
from privprune.plots.style import NEUTRAL, PAPER, TEXT_WIDTH, Look, count, journal

_PER_ROW = 2


@dataclass(frozen=True)
class Spot:
    """One cell: how it is drawn, whether filled, what is written beside it (empty for nothing), and where it lies."""

    look: Look
    filled: bool
    label: str
    x: Point
    y: Point


@dataclass(frozen=True)
class Chart:
    """One panel: cells that stand alone, and curves of cells in their order; `scale` is of x, `count` whole numbers."""

    title: str
    x: str
    y: str
    scale: Literal["linear", "log", "count"]
    spots: tuple[Spot, ...]
    curves: tuple[tuple[Spot, ...], ...]

    @property
    def all(self) -> tuple[Spot, ...]:
        """Every cell of the panel."""
        return (*self.spots, *(spot for curve in self.curves for spot in curve))


def draw(charts: Sequence[Chart], filled: tuple[str, str]) -> Figure:
    """Draw the panels two in a row; `filled` says what hollow and what filled marks are."""
    rows = ceil(len(charts) / _PER_ROW)
    columns = min(len(charts), _PER_ROW)
    handles = _entries([spot for chart in charts for spot in chart.all], filled)
    with journal():
        figure = Figure(figsize=(TEXT_WIDTH, 2.75 * rows + 0.16 * ceil(len(handles) / 3) + 0.15))
        axes = figure.subplots(rows, columns, squeeze=False)
        for place, where in enumerate(axes.flat):
            if place < len(charts):
                _panel(where, charts[place])
            else:
                where.set_axis_off()
        figure.legend(handles=handles, loc="outside lower left", ncols=3)
    return figure


def _panel(axes: Axes, chart: Chart) -> None:
    """Draw one panel."""
    axes.set_xscale("log" if chart.scale == "log" else "linear")
    for curve in chart.curves:
        last = curve[-1]  # a curve may start at the undefended network
        places = [spot.x.value for spot in curve], [spot.y.value for spot in curve]
        line = dash(cem=last.filled)
        axes.plot(*places, color=last.look.colour, linewidth=1.0, linestyle=line, alpha=0.8, zorder=2)
    for spot in chart.all:
        mark(axes, spot.x, spot.y, spot.look, cem=spot.filled)
        if spot.label:
            axes.annotate(
                spot.label,
                (spot.x.value, spot.y.value),
                xytext=(3, 4),
                textcoords="offset points",
                fontsize=6,
                color=spot.look.colour,
                path_effects=[withStroke(linewidth=2, foreground=PAPER)],
                zorder=4,
            )
    axes.set_title(chart.title)
    axes.set_xlabel(chart.x)
    axes.set_ylabel(chart.y)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    if chart.scale == "log":
        axes.xaxis.set_major_formatter(FuncFormatter(count))
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda _, __: ""))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=chart.scale == "count"))


def _entries(spots: Sequence[Spot], filled: tuple[str, str]) -> list[Line2D]:
    """Return one entry per look, and what hollow and filled mean where both are there."""
    found = {(spot.look.label, spot.filled): spot for spot in spots}
    handles = [_entry(spot.look, spot.look.label, filled=spot.filled) for spot in found.values()]
    if len({spot.filled for spot in spots}) > 1:
        neutral = Look("", NEUTRAL)
        handles += [_entry(neutral, f"{('hollow', 'filled')[full]}: {filled[full]}", filled=full) for full in (0, 1)]
    return handles


def _entry(look: Look, label: str, *, filled: bool | int) -> Line2D:
    return Line2D(
        [],
        [],
        color=look.colour,
        marker=look.marker,
        markersize=size(look.marker),
        markerfacecolor=look.colour if filled else PAPER,
        markeredgewidth=0.9,
        linestyle="",
        label=label,
    )
