"""Attack against test accuracy: whether a defence protects, or only trades accuracy like everything else does."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator

from privprune.plots.series import Point
from privprune.plots.style import MUTED, PAPER, TEXT_WIDTH, Dash, Look, journal, percent

_PER_ROW = 2
_BAR_ALPHA = 0.45  # error bars stay behind the marks


@dataclass(frozen=True)
class Measure:
    """A measure of an attack: its name in records, its printed name, and whether its axis is in percent."""

    name: str
    label: str
    in_percent: bool


MEASURES = (Measure("balanced_accuracy", "balanced accuracy", True), Measure("auc", "AUC", False))


@dataclass(frozen=True)
class Mark:
    """One cell: test accuracy, and the attack's measure in each panel (None where it was not measured)."""

    label: str  # written beside the mark, for instance the ratio "16x"; empty for none
    look: Look
    accuracy: Point
    attack: tuple[Point | None, ...]


@dataclass(frozen=True)
class Sweep:
    """Cells that differ in one setting only, in its order; drawn joined by a line."""

    look: Look
    marks: tuple[Mark, ...]


def draw(panels: Sequence[tuple[str, Measure]], sweeps: Sequence[Sweep], singles: Sequence[Mark]) -> Figure:
    """Draw one panel per attack (its printed name) and measure: a sweep is joined, other cells stand alone."""
    rows = ceil(len(panels) / _PER_ROW)
    with journal():
        figure = Figure(figsize=(TEXT_WIDTH, 2.75 * rows + 0.75))
        axes = figure.subplots(rows, _PER_ROW, sharex=True, squeeze=False)
        for place, where in enumerate(axes.flat):
            if place < len(panels):
                _panel(where, *panels[place])
                _contents(where, sweeps, singles, place)
            else:
                where.set_axis_off()
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


def _contents(axes: Axes, sweeps: Sequence[Sweep], singles: Sequence[Mark], place: int) -> None:
    """Draw all cells into the panel at this place."""
    for sweep in sweeps:
        _sweep(axes, sweep, place)
    for mark in singles:
        _mark(axes, mark, place)


def _sweep(axes: Axes, sweep: Sweep, place: int) -> None:
    """Join the cells of a sweep in their order and draw each of them."""
    known = [(mark.accuracy.value, point.value) for mark in sweep.marks if (point := mark.attack[place]) is not None]
    if known:
        axes.plot(*zip(*known, strict=True), color=sweep.look.colour, linewidth=1.0, alpha=0.7, zorder=2)
    for number, mark in enumerate(sweep.marks):
        _mark(axes, mark, place)
        _label(axes, mark, place, above=number % 2 == 0)


def _mark(axes: Axes, mark: Mark, place: int) -> None:
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
        markersize=_size(mark.look),
        markeredgewidth=0,
        ecolor=to_rgba(mark.look.colour, _BAR_ALPHA),
        elinewidth=0.8,
        capsize=0,
        zorder=3,
    )


def _label(axes: Axes, mark: Mark, place: int, *, above: bool) -> None:
    """Write a mark's label to its upper left or lower right; neighbours take turns, so that close ones stay legible."""
    point = mark.attack[place]
    if point is None:
        return
    axes.annotate(
        mark.label,
        (mark.accuracy.value, point.value),
        xytext=(-3, 4) if above else (3, -4),
        textcoords="offset points",
        ha="right" if above else "left",
        va="bottom" if above else "top",
        fontsize=6.5,
        color=mark.look.colour,
        path_effects=[withStroke(linewidth=2, foreground=PAPER)],
        zorder=4,
    )


def _size(look: Look) -> float:
    """Return a marker's size in points; those that fill little of their box are drawn larger."""
    return 6.5 if look.marker in "PXp*" else 4.5


def _legend(figure: Figure, sweeps: Sequence[Sweep], singles: Sequence[Mark]) -> None:
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
                markersize=_size(look),
                markeredgewidth=0,
                linestyle=line,
                label=look.label,
            ),
        )
    handles["blind"] = Line2D([], [], color=MUTED, linestyle=(0, (4, 2)), linewidth=0.8, label="Blind guess")
    figure.legend(handles=list(handles.values()), loc="outside lower left", ncols=4)
