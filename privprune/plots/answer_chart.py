"""One small panel beside an answer: few marks and lines, large enough to be read at the width of a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

from adjustText import adjust_text
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from privprune.plots.marks import BAR_ALPHA, size
from privprune.plots.panels import count_on_log_axis
from privprune.plots.series import Point
from privprune.plots.style import MUTED, PAPER, Dash, Look, journal

WIDTH, HEIGHT = 3.9, 2.75  # inches, without the legend
_PER_LINE = 2  # entries of the legend side by side
_LINE = 0.155  # inches
_ROOM = (1.5, 1.8)  # of a label, in its own width and height: a mark is not a point
_MOST_MOVES = 200  # of all labels; a limit of time would place them otherwise on another machine


@dataclass(frozen=True)
class ChartMark:
    """One cell, and the label beside it; empty for none."""

    x: Point
    y: Point
    label: str = ""


@dataclass(frozen=True)
class ChartSeries:
    """Marks of one look: joined or not, hollow or `filled`, smaller and paler in the `background`."""

    look: Look
    marks: tuple[ChartMark, ...]
    joined: bool = False
    filled: bool = True
    background: bool = False


@dataclass(frozen=True)
class ChartLine:
    """A line without marks: its points in order, and its name in the legend."""

    label: str
    points: tuple[tuple[float, float], ...]
    colour: str
    dash: Dash


@dataclass(frozen=True)
class AnswerChart:
    """Axes, series and lines of a panel; `guess` is a level that a guess reaches, None for none."""

    x: str
    y: str
    scale: Literal["linear", "log"]
    series: tuple[ChartSeries, ...]
    lines: tuple[ChartLine, ...] = ()
    guess: float | None = None


def draw(chart: AnswerChart) -> Figure:
    """Draw the panel with its legend below."""
    handles = _handles(chart)
    with journal():
        figure = Figure(figsize=(WIDTH, HEIGHT + _LINE * ceil(len(handles) / _PER_LINE)))
        axes = figure.subplots()
        _prepare(axes, chart)
        for line in chart.lines:
            axes.plot(*zip(*line.points, strict=True), color=line.colour, linewidth=1.1, linestyle=line.dash, zorder=2)
        for one in sorted(chart.series, key=lambda one: not one.background):
            _series(axes, one)
        figure.legend(handles=handles, loc="outside lower left", ncols=_PER_LINE)
        figure.draw_without_rendering()  # labels are placed by the panel's final size
        _labels(axes, chart.series)
    return figure


def _prepare(axes: Axes, chart: AnswerChart) -> None:
    axes.set_xlabel(chart.x)
    axes.set_ylabel(chart.y)
    axes.margins(x=0.12, y=0.08)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    if chart.scale == "log":
        count_on_log_axis(axes)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    if chart.guess is not None:
        axes.axhline(chart.guess, color=MUTED, linewidth=0.8, linestyle=(0, (4, 2)))


def _series(axes: Axes, series: ChartSeries) -> None:
    colour = series.look.colour
    if series.joined:
        path = [(one.x.value, one.y.value) for one in series.marks]
        axes.plot(*zip(*path, strict=True), color=colour, linewidth=1.1, alpha=0.8, zorder=2)
    for one in series.marks:
        axes.errorbar(
            [one.x.value],
            [one.y.value],
            xerr=[[one.x.reach[0]], [one.x.reach[1]]],
            yerr=[[one.y.reach[0]], [one.y.reach[1]]],
            color=colour,
            marker=series.look.marker,
            markersize=3 if series.background else size(series.look.marker, ordinary=5.5),
            markerfacecolor=colour if series.filled else PAPER,
            markeredgewidth=0.9,
            ecolor=to_rgba(colour, 0.25 if series.background else BAR_ALPHA),
            elinewidth=0.8,
            capsize=0,
            zorder=3,
        )


def _labels(axes: Axes, series: Sequence[ChartSeries]) -> None:
    """Write the labels beside their marks, where they cover neither marks nor each other; a line leads to a far one."""
    marks = [mark for one in series for mark in one.marks]
    texts = [
        axes.text(mark.x.value, mark.y.value, mark.label, fontsize=7, color=one.look.colour, zorder=4)
        for one in series
        for mark in one.marks
        if mark.label
    ]
    if texts:
        adjust_text(
            texts,
            x=[mark.x.value for mark in marks],
            y=[mark.y.value for mark in marks],
            ax=axes,
            iter_lim=_MOST_MOVES,
            expand=_ROOM,
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.5},
        )


def _handles(chart: AnswerChart) -> list[Line2D]:
    handles = [_handle(one) for one in chart.series]
    handles += [Line2D([], [], color=one.colour, linestyle=one.dash, label=one.label) for one in chart.lines]
    if chart.guess is not None:
        handles.append(Line2D([], [], color=MUTED, linestyle=(0, (4, 2)), linewidth=0.8, label="Blind guess"))
    return handles


def _handle(series: ChartSeries) -> Line2D:
    return Line2D(
        [],
        [],
        color=series.look.colour,
        marker=series.look.marker,
        markersize=3 if series.background else size(series.look.marker),
        markerfacecolor=series.look.colour if series.filled else PAPER,
        markeredgewidth=0.9,
        linestyle="-" if series.joined else "",
        label=series.look.label,
    )


def shown(marks: Sequence[ChartMark | None]) -> tuple[ChartMark, ...]:
    """Return the marks that were measured."""
    return tuple(one for one in marks if one is not None)
