"""Both threats at once: what a membership attack finds against how badly an inversion rebuilds, one mark per cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator

from privprune.plots.marks import mark, size
from privprune.plots.series import Point
from privprune.plots.style import INK, MUTED, PAPER, TEXT_WIDTH, Look, journal, percent

_PER_ROW = 2
_GUESS = (0, (4, 2))


@dataclass(frozen=True)
class Both:
    """One cell under both threats.

    Attributes:
        label: its defence.
        look, cem: how it is drawn.
        accuracy: test accuracy.
        membership: balanced accuracy of the membership attack.
        error: MSE of the inversion.

    """

    label: str
    look: Look
    cem: bool
    accuracy: Point
    membership: Point
    error: Point


@dataclass(frozen=True)
class Place:
    """One panel: cells on the same data with the same network, the two attacks, and the error of knowing nothing.

    `uninformed` is the MSE of answering the mean image whatever was sent; None where it was not measured.
    """

    title: str
    membership: str
    inversion: str
    uninformed: float | None
    cells: tuple[Both, ...]


def draw(places: Sequence[Place]) -> Figure:
    """Draw one panel per place; marks are numbered, and named with their test accuracy below."""
    columns = min(len(places), _PER_ROW)
    rows = ceil(len(places) / columns)
    names = max(len(place.cells) for place in places)
    with journal():
        figure = Figure(figsize=(TEXT_WIDTH, (3.3 + 0.14 * ceil(names / (3 - columns))) * rows + 0.45))
        axes = figure.subplots(rows, columns, squeeze=False)
        for number, where in enumerate(axes.flat):
            if number < len(places):
                _panel(where, places[number], 3 - columns)
            else:
                where.set_axis_off()
        handles = [
            Line2D([], [], color=MUTED, linestyle=_GUESS, linewidth=0.8, label="Blind guess: 50 %"),
            Line2D([], [], color=MUTED, linestyle=(0, (1, 1.5)), linewidth=1, label="Mean image: knows nothing"),
        ]
        shown = handles if any(place.uninformed is not None for place in places) else handles[:1]
        figure.legend(handles=shown, loc="outside lower left", ncols=2)
    return figure


def _panel(axes: Axes, place: Place, columns: int) -> None:
    """Draw one place."""
    axes.axhline(0.5, color=MUTED, linewidth=0.8, linestyle=_GUESS, zorder=1)
    if place.uninformed is not None:
        axes.axvline(place.uninformed, color=MUTED, linewidth=1, linestyle=(0, (1, 1.5)), zorder=1)
    for number, cell in enumerate(place.cells, start=1):
        mark(axes, cell.error, cell.membership, cell.look, cem=cell.cem)
        _number(axes, number, cell)
    axes.set_title(place.title)
    axes.set_xlabel(f"Inversion: MSE of {place.inversion} (right: more private)")
    axes.set_ylabel(f"Membership: balanced accuracy of\n{place.membership} (down: more private)")
    axes.yaxis.set_major_formatter(FuncFormatter(percent))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    _names(axes, place.cells, columns)


def _number(axes: Axes, number: int, cell: Both) -> None:
    """Write a mark's number at its upper right."""
    axes.annotate(
        str(number),
        (cell.error.value, cell.membership.value),
        xytext=(3.5, 3.5),
        textcoords="offset points",
        fontsize=6.5,
        color=cell.look.colour,
        path_effects=[withStroke(linewidth=2, foreground=PAPER)],
        zorder=4,
    )


def _names(axes: Axes, cells: Sequence[Both], columns: int) -> None:
    """Name every number below the panel, with its cell's test accuracy."""
    handles = [
        Line2D(
            [],
            [],
            color=cell.look.colour,
            marker=cell.look.marker,
            markersize=size(cell.look.marker),
            markerfacecolor=cell.look.colour if cell.cem else PAPER,
            markeredgewidth=0.9,
            linestyle="",
            label=f"{number}  {cell.label}: {100 * cell.accuracy.value:.1f} %",
        )
        for number, cell in enumerate(cells, start=1)
    ]
    axes.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0, -0.17),
        ncols=columns,
        title="Cell: test accuracy",
        title_fontsize=7,
        alignment="left",
        labelcolor=INK,
        handletextpad=0.4,
    )
