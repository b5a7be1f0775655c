"""Measures of attacks against test accuracy: whether a defence protects, or only gives up accuracy like a control."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from privprune.plots.marks import BAR_ALPHA, size
from privprune.plots.panels import filled, legend_columns, write_beside
from privprune.plots.series import Point
from privprune.plots.style import MUTED, TEXT_WIDTH, Dash, Look, journal, percent

_PER_ROW = 2


@dataclass(frozen=True)
class Measure:
    """A measure of an attack: its name in records, its printed name, and whether its axis is in percent."""

    name: str
    label: str
    in_percent: bool


MEASURES = (Measure("balanced_accuracy", "balanced accuracy", True), Measure("auc", "AUC", False))


@dataclass(frozen=True)
class TradeoffMark:
    """One cell: test accuracy, and the attack's measure in each panel (None where it was not measured)."""

    label: str  # written beside the mark, for instance the ratio "16x"; empty for none
    look: Look
    accuracy: Point
    attack: tuple[Point | None, ...]


@dataclass(frozen=True)
class TradeoffSweep:
    """Cells that differ in one setting only, in its order; drawn joined by a line."""

    look: Look
    marks: tuple[TradeoffMark, ...]


def draw(
    panels: Sequence[tuple[str, Measure]], sweeps: Sequence[TradeoffSweep], singles: Sequence[TradeoffMark]
) -> Figure:
    """Draw one panel per attack (its printed name) and measure: a sweep is joined, other cells stand alone."""
    rows = ceil(len(panels) / _PER_ROW)
    with journal():
        figure = Figure(figsize=(TEXT_WIDTH, 2.75 * rows + 0.75))
        axes = figure.subplots(rows, _PER_ROW, sharex=True, squeeze=False)
        for place, (where, panel) in enumerate(filled(axes, panels)):
            _panel(where, *panel)
            _contents(where, sweeps, singles, place)
        for where in axes[-1, :]:
            where.set_xlabel("Test accuracy")
        _legend(figure, sweeps, singles)
    return figure


def _panel(axes: Axes, attack: str, measure: Measure) -> None:
    """Prepare one panel: its title, its axes, the line of a blind guess."""
    axes.axhline(0.5, color=MUTED, linewidth=0.8, linestyle=(0, (4, 2)))
    axes.set_title(f"{attack}: {measure.label}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(percent))
    if measure.in_percent:
        axes.yaxis.set_major_formatter(FuncFormatter(percent))


def _contents(axes: Axes, sweeps: Sequence[TradeoffSweep], singles: Sequence[TradeoffMark], place: int) -> None:
    """Draw all cells into the panel at this place."""
    for sweep in sweeps:
        _sweep(axes, sweep, place)
    for mark in singles:
        _mark(axes, mark, place)


def _sweep(axes: Axes, sweep: TradeoffSweep, place: int) -> None:
    """Join the cells of a sweep in their order and draw each of them."""
    known = [(mark.accuracy.value, point.value) for mark in sweep.marks if (point := mark.attack[place]) is not None]
    if known:
        axes.plot(*zip(*known, strict=True), color=sweep.look.colour, linewidth=1.0, alpha=0.7, zorder=2)
    for number, mark in enumerate(sweep.marks):
        _mark(axes, mark, place)
        _label(axes, mark, place, above=number % 2 == 0)


def _mark(axes: Axes, mark: TradeoffMark, place: int) -> None:
    """Draw one cell with its error bars both ways, and its label beside it."""
    point = mark.attack[place]
    if point is None:
        return
    (left, right), (below, above) = mark.accuracy.reach, point.reach
    axes.errorbar(
        [mark.accuracy.value],
        [point.value],
        xerr=[[left], [right]],
        yerr=[[below], [above]],
        color=mark.look.colour,
        marker=mark.look.marker,
        markersize=size(mark.look.marker, ordinary=4.5),
        markeredgewidth=0,
        ecolor=to_rgba(mark.look.colour, BAR_ALPHA),
        elinewidth=0.8,
        capsize=0,
        zorder=3,
    )


def _label(axes: Axes, mark: TradeoffMark, place: int, *, above: bool) -> None:
    """Write a mark's label to its upper left or lower right; neighbours alternate between the two."""
    point = mark.attack[place]
    if point is None:
        return
    offset, align = ((-3, 4), ("right", "bottom")) if above else ((3, -4), ("left", "top"))
    at = mark.accuracy.value, point.value
    write_beside(axes, mark.label, at, offset, mark.look.colour, size=6.5, align=align)


def _legend(figure: Figure, sweeps: Sequence[TradeoffSweep], singles: Sequence[TradeoffMark]) -> None:
    """Name each look once, below the panels; a sweep's is a line with its marker."""
    handles: dict[str, Line2D] = {}
    joined: list[tuple[Look, Dash]] = [(sweep.look, "-") for sweep in sweeps]
    alone: list[tuple[Look, Dash]] = [(mark.look, "") for mark in singles]
    for look, line in joined + alone:
        handles.setdefault(
            look.label,
            Line2D(
                [],
                [],
                color=look.colour,
                marker=look.marker,
                markersize=size(look.marker, ordinary=4.5),
                markeredgewidth=0,
                linestyle=line,
                label=look.label,
            ),
        )
    handles["blind"] = Line2D([], [], color=MUTED, linestyle=(0, (4, 2)), linewidth=0.8, label="Blind guess")
    columns = legend_columns([str(handle.get_label()) for handle in handles.values()])
    figure.legend(handles=list(handles.values()), loc="outside lower left", ncols=columns)
