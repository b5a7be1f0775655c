"""Scatter plots of pairs of quantities over the same cells: one mark per cell, joined where cells form a curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.textpath import TextPath
from matplotlib.ticker import MaxNLocator

from privprune.plots.marks import dash, mark, size
from privprune.plots.panels import count_on_log_axis, filled, write_beside
from privprune.plots.series import Point
from privprune.plots.style import NEUTRAL, PAPER, TEXT_WIDTH, Look, journal

_PER_ROW = 2
_POINTS = 72  # of an inch
_LETTERS = 7  # points, the size of a legend's letters
_BESIDE_LABEL = 6  # sizes of a letter: the mark of an entry, the space around it, and what hinting adds to its width


@dataclass(frozen=True)
class ScatterMark:
    """One cell: how it is drawn, whether filled, the label beside it (empty for none), and its two values."""

    look: Look
    filled: bool
    label: str
    x: Point
    y: Point


@dataclass(frozen=True)
class ScatterPanel:
    """One panel: titles, the scale of x (`count` for whole numbers), single cells, and curves of cells in order."""

    title: str
    x: str
    y: str
    scale: Literal["linear", "log", "count"]
    marks: tuple[ScatterMark, ...]
    curves: tuple[tuple[ScatterMark, ...], ...]

    @property
    def all(self) -> tuple[ScatterMark, ...]:
        """Every cell of the panel, once also where several curves begin at it."""
        return tuple(dict.fromkeys((*self.marks, *(one for curve in self.curves for one in curve))))


def draw(panels: Sequence[ScatterPanel], fillings: tuple[str, str]) -> Figure:
    """Draw the panels, two in a row; `fillings` are the meanings of hollow and of filled marks."""
    rows = ceil(len(panels) / _PER_ROW)
    columns = min(len(panels), _PER_ROW)
    handles = _entries([one for panel in panels for one in panel.all], fillings)
    with journal():
        side_by_side = _legend_columns([str(one.get_label()) for one in handles])
        figure = Figure(figsize=(TEXT_WIDTH, 2.75 * rows + 0.16 * ceil(len(handles) / side_by_side) + 0.15))
        axes = figure.subplots(rows, columns, squeeze=False)
        for where, panel in filled(axes, panels):
            _panel(where, panel)
        figure.legend(handles=handles, loc="outside lower left", ncols=side_by_side)
    return figure


def _panel(axes: Axes, panel: ScatterPanel) -> None:
    """Draw one panel."""
    if panel.scale == "log":
        count_on_log_axis(axes)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=panel.scale == "count"))
    for curve in panel.curves:
        last = curve[-1]  # a curve may start at the undefended network
        places = [one.x.value for one in curve], [one.y.value for one in curve]
        line = dash(cem=last.filled)
        axes.plot(*places, color=last.look.colour, linewidth=1.0, linestyle=line, alpha=0.8, zorder=2)
    for one in panel.all:
        mark(axes, one.x, one.y, one.look, cem=one.filled)
        if one.label:
            write_beside(axes, one.label, (one.x.value, one.y.value), (3, 4), one.look.colour, size=6)
    axes.set_title(panel.title)
    axes.set_xlabel(panel.x)
    axes.set_ylabel(panel.y)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))


def _legend_columns(labels: Sequence[str]) -> int:
    """Return in how many columns, three at most, a legend with these labels fits the width of the text."""
    widths = [float(TextPath((0, 0), label, size=_LETTERS).get_extents().width) for label in labels]
    for columns in (3, 2):
        longest = [max(column) for column in np.array_split(widths, columns) if len(column)]
        if sum(longest) + columns * _BESIDE_LABEL * _LETTERS <= _POINTS * TEXT_WIDTH:
            return columns
    return 1


def _entries(marks: Sequence[ScatterMark], fillings: tuple[str, str]) -> list[Line2D]:
    """Return one entry per look, and the meaning of hollow and filled marks where both occur."""
    by_look = {(one.look.label, one.filled): one for one in marks}
    handles = [_entry(one.look, one.look.label, filled=one.filled) for one in by_look.values()]
    if len({one.filled for one in marks}) > 1:
        neutral = Look("", NEUTRAL)
        handles += [_entry(neutral, f"{('hollow', 'filled')[full]}: {fillings[full]}", filled=full) for full in (0, 1)]
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
