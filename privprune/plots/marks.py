"""Marks of defences of features: hollow and dashed without CEM, filled and solid with it."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D

from privprune.plots.series import Point
from privprune.plots.style import MUTED, NEUTRAL, PAPER, Dash, Look, Marker

BAR_ALPHA = 0.45  # error bars are paler than the marks
_DASHED: Dash = (0, (4, 1.6))


def dash(*, cem: bool) -> Dash:
    """Return the pattern of a line with or without CEM."""
    return "-" if cem else _DASHED


def size(marker: Marker, *, ordinary: float = 4.8) -> float:
    """Return a marker's size in points; markers that cover little of their box are drawn larger than the others."""
    return 6.5 if isinstance(marker, tuple) or marker in "PXp*" else ordinary


def mark(axes: Axes, x: Point, y: Point, look: Look, *, cem: bool, marker: Marker = "") -> None:
    """Draw one cell with error bars in both directions; `marker` replaces the marker of the look."""
    shape = marker or look.marker
    axes.errorbar(
        [x.value],
        [y.value],
        xerr=[[x.reach[0]], [x.reach[1]]],
        yerr=[[y.reach[0]], [y.reach[1]]],
        color=look.colour,
        marker=shape,
        markersize=size(shape),
        markerfacecolor=look.colour if cem else PAPER,
        markeredgecolor=look.colour,
        markeredgewidth=0.9,
        ecolor=to_rgba(look.colour, BAR_ALPHA),
        elinewidth=0.8,
        capsize=0,
        zorder=3,
    )


def printed(axes: Axes, points: Sequence[Sequence[float]], colour: str) -> None:
    """Draw the points of a printed figure as faint crosses."""
    axes.plot(
        [point[0] for point in points],
        [point[1] for point in points],
        color=colour,
        marker="x",
        markersize=4,
        markeredgewidth=0.9,
        linestyle="",
        alpha=0.5,
        zorder=2,
    )


def entries(looks: Sequence[Look], *, cem: bool) -> list[Line2D]:
    """Return one legend entry per defence and, where a cell has CEM, the meaning of hollow and filled marks."""
    by_label = {look.label: look for look in looks}
    handles = [_entry(look.marker, look.colour, look.label) for look in by_label.values()]
    if cem:
        handles.append(_entry("o", NEUTRAL, "hollow, dashed: without CEM", face=PAPER, line=_DASHED))
        handles.append(_entry("o", NEUTRAL, "filled, solid: with CEM", line="-"))
    return handles


def printed_entry() -> Line2D:
    """Return the legend entry of the points of a printed figure."""
    return Line2D(
        [], [], color=MUTED, marker="x", markersize=4, linestyle="", alpha=0.7, label="Printed, read off by eye"
    )


def _entry(marker: Marker, colour: str, label: str, *, face: str = "", line: Dash = "") -> Line2D:
    return Line2D(
        [],
        [],
        color=colour,
        marker=marker,
        markersize=size(marker),
        markerfacecolor=face or colour,
        markeredgewidth=0.9,
        linestyle=line,
        linewidth=1,
        label=label,
    )
