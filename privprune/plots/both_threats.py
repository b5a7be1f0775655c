"""Both threats at once: accuracy of a membership attack against error of an inversion, one mark per cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from privprune.plots.marks import mark, size
from privprune.plots.panels import filled, rows_and_columns, write_beside
from privprune.plots.series import Point
from privprune.plots.style import INK, MUTED, PAPER, TEXT_WIDTH, Look, journal, percent

_PER_ROW = 2
_GUESS = (0, (4, 2))


@dataclass(frozen=True)
class ThreatMark:
    """One cell under both threats.

    Attributes:
        label: its defence.
        look, cem: how it is drawn; `cem` fills the mark.
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
class ThreatPanel:
    """One panel: cells on the same data with the same network, the two attacks, and the error without information.

    `uninformed` is the MSE of the mean image as a reconstruction of every image; None where it was not measured.
    """

    title: str
    membership: str
    inversion: str
    uninformed: float | None
    cells: tuple[ThreatMark, ...]


def draw(panels: Sequence[ThreatPanel]) -> Figure:
    """Draw the panels; marks are numbered, and the numbers are explained below with name and test accuracy."""
    rows, columns = rows_and_columns(panels, _PER_ROW)
    names = max(len(panel.cells) for panel in panels)
    with journal():
        figure = Figure(figsize=(TEXT_WIDTH, (3.3 + 0.14 * ceil(names / (3 - columns))) * rows + 0.45))
        axes = figure.subplots(rows, columns, squeeze=False)
        for where, panel in filled(axes, panels):
            _panel(where, panel, 3 - columns)
        handles = [
            Line2D([], [], color=MUTED, linestyle=_GUESS, linewidth=0.8, label="Blind guess: 50 %"),
            Line2D([], [], color=MUTED, linestyle=(0, (1, 1.5)), linewidth=1, label="Mean image: knows nothing"),
        ]
        explained = handles if any(panel.uninformed is not None for panel in panels) else handles[:1]
        figure.legend(handles=explained, loc="outside lower left", ncols=2)
    return figure


def _panel(axes: Axes, panel: ThreatPanel, columns: int) -> None:
    """Draw one panel."""
    axes.axhline(0.5, color=MUTED, linewidth=0.8, linestyle=_GUESS, zorder=1)
    if panel.uninformed is not None:
        axes.axvline(panel.uninformed, color=MUTED, linewidth=1, linestyle=(0, (1, 1.5)), zorder=1)
    for number, cell in enumerate(panel.cells, start=1):
        mark(axes, cell.error, cell.membership, cell.look, cem=cell.cem)
        _number(axes, number, cell)
    axes.set_title(panel.title)
    axes.set_xlabel(f"Inversion: MSE of {panel.inversion} (right: more private)")
    axes.set_ylabel(f"Membership: balanced accuracy of\n{panel.membership} (down: more private)")
    axes.yaxis.set_major_formatter(FuncFormatter(percent))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    _names(axes, panel.cells, columns)


def _number(axes: Axes, number: int, cell: ThreatMark) -> None:
    """Write a mark's number at its upper right."""
    at = cell.error.value, cell.membership.value
    write_beside(axes, str(number), at, (3.5, 3.5), cell.look.colour, size=6.5)


def _names(axes: Axes, cells: Sequence[ThreatMark], columns: int) -> None:
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
