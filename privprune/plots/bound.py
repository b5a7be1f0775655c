"""Figure 3 of CEM, and its Theorem 1: conditional entropy against the error of attacks, above the bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from math import e, log, pi
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from privprune.plots.marks import entries, mark, printed
from privprune.plots.series import Point
from privprune.plots.style import INK, MUTED, NEUTRAL, SHADE, TEXT_WIDTH, Look, journal, power

_MARKERS = "osD^vP*X"  # of attacks, in their order
Line = Literal["--", ":"]
_CEILING: Line = "--"  # of the bound with nothing sent
_UNINFORMED: Line = ":"  # of the error of the mean image


@dataclass(frozen=True)
class BoundMark:
    """One cell: its entropy, its bound, and the errors of the attacks.

    Attributes:
        look, cem: its defence, and whether CEM was added to it.
        entropy: estimate of H(x|z), nats per image.
        bound: exp(2 H / d) / (2 pi e), MSE on [0, 1].
        errors: attack -> MSE.
        outside: the attacks that Theorem 1 does not bound, such as those with several queries.
        ceiling: the largest that the bound can be, with nothing sent; None where it was not measured.
        uninformed: MSE of the mean image; None where it was not measured.

    """

    look: Look
    cem: bool
    entropy: Point
    bound: Point
    errors: dict[str, Point]
    outside: frozenset[str] = frozenset()
    ceiling: Point | None = None
    uninformed: Point | None = None


def draw(
    cells: Sequence[BoundMark], first: str, labels: dict[str, str], printed_points: Sequence[Sequence[float]]
) -> Figure:
    """Draw Figure 3 at the left, the bound and every attack beside it, and the printed figure where it is comparable.

    Args:
        cells: the cells, each with its entropy.
        first: the attack of Figure 3.
        labels: attack -> its printed name, in the order of the legend.
        printed_points: (relative entropy, MSE) of the paper's figure; empty where not comparable with these cells.

    """
    with journal():
        figure = Figure(figsize=(TEXT_WIDTH, 3.75))
        wide = [1.0, 1.15, 0.6] if printed_points else [1.0, 1.15]
        axes = figure.subplots(1, len(wide), squeeze=False, width_ratios=wide)[0]
        _third(axes[0], [cell for cell in cells if first in cell.errors], first, labels[first])
        shapes = dict(zip(labels, cycle(_MARKERS), strict=False))
        _bounds(axes[1], cells, shapes)
        if printed_points:
            _printed_figure(axes[2], printed_points)
        _legend(figure, cells, {labels[name]: shape for name, shape in shapes.items()})
    return figure


def dimensions(cell: BoundMark) -> float:
    """Return d, the number of values per image, solved from this cell's entropy and bound."""
    return 2 * cell.entropy.value / log(2 * pi * e * cell.bound.value)


def _third(axes: Axes, cells: Sequence[BoundMark], attack: str, label: str) -> None:
    """Draw conditional entropy against the error of one attack."""
    for cell in cells:
        mark(axes, cell.entropy, cell.errors[attack], cell.look, cem=cell.cem)
    axes.set_title(f"As Figure 3: {label}")
    axes.set_xlabel("Estimated conditional entropy, nats per image")
    axes.set_ylabel("MSE of the attack")
    axes.set_ylim(bottom=0)
    _ticks(axes)


def _bounds(axes: Axes, cells: Sequence[BoundMark], shapes: dict[str, str]) -> None:
    """Draw the error of every attack that Theorem 1 bounds over its curve, below which none of them can get."""
    axes.set_yscale("log")
    bounded = [(cell, name, cell.errors[name]) for cell in cells for name in cell.errors if name not in cell.outside]
    for cell, name, error in bounded:
        mark(axes, cell.entropy, error, cell.look, cem=cell.cem, marker=shapes[name])
    levels = _levels(cells)
    low, high = _span([cell.entropy for cell in cells])
    x = np.linspace(low, high, 60)
    known = [cell for cell in cells if cell.entropy.value and 2 * pi * e * cell.bound.value != 1]
    if known:
        y = np.exp(2 * x / dimensions(known[0])) / (2 * pi * e)
        errors = [*(error.value for _, _, error in bounded), *levels]
        floor = min([*errors, float(y.min())]) / 2
        axes.fill_between(x, floor, y, color=SHADE, linewidth=0, zorder=0)
        axes.plot(x, y, color=INK, linewidth=1.3, zorder=1)
        axes.set_ylim(floor, 2 * max([*errors, float(y.max())]))
    for level, line in levels.items():
        axes.axhline(level, color=INK, linewidth=0.9, linestyle=line, zorder=0.5)
    axes.set_xlim(low, high)
    axes.set_title("Theorem 1: attacks with one query")
    axes.set_xlabel("Estimated conditional entropy, nats per image")
    axes.set_ylabel("MSE, logarithmic")
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(LogLocator(numticks=7))
    axes.yaxis.set_major_formatter(FuncFormatter(power))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _levels(cells: Sequence[BoundMark]) -> dict[float, Line]:
    """Return the heights of the horizontal lines, and their styles: the ceiling, and the error of the mean image."""
    found: dict[Line, list[Point | None]] = {
        _CEILING: [cell.ceiling for cell in cells],
        _UNINFORMED: [cell.uninformed for cell in cells],
    }
    return {max(known): line for line, points in found.items() if (known := [point.value for point in points if point])}


def _printed_figure(axes: Axes, points: Sequence[Sequence[float]]) -> None:
    """Draw the points of the printed figure on its own scale of entropy."""
    printed(axes, points, INK)
    axes.set_title("Printed Figure 3")
    axes.set_xlabel("Relative H(x|z)")
    axes.set_ylim(bottom=0)
    _ticks(axes)


def _span(points: Sequence[Point]) -> tuple[float, float]:
    """Return the limits of an axis that contains all points, with a margin."""
    low, high = min(point.value for point in points), max(point.value for point in points)
    margin = 0.08 * (high - low) or abs(low) * 0.05 or 1.0
    return low - margin, high + margin


def _ticks(axes: Axes) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))


def _legend(figure: Figure, cells: Sequence[BoundMark], shapes: dict[str, str]) -> None:
    """Name defences by colour, attacks by marker, and the bound."""
    handles = entries([cell.look for cell in cells], cem=any(cell.cem for cell in cells))
    handles += [
        Line2D([], [], color=NEUTRAL, marker=shape, markersize=4.8, linestyle="", label=f"right: {label}")
        for label, shape in shapes.items()
    ]
    handles.append(Line2D([], [], color=INK, linewidth=1.3, label="MSE = exp(2H/d) / (2\u03c0e)"))
    drawn = set(_levels(cells).values())
    names: dict[Line, str] = {_CEILING: "its ceiling: nothing sent", _UNINFORMED: "the mean image"}
    handles += [
        Line2D([], [], color=INK, linewidth=0.9, linestyle=line, label=name)
        for line, name in names.items()
        if line in drawn
    ]
    handles.append(Line2D([], [], color=MUTED, linewidth=5, alpha=0.25, label="excluded, if H is right"))
    figure.legend(handles=handles, loc="outside lower left", ncols=4)
