"""Curves of any quantity over the epochs of a training or the steps of an attack, all cells in one panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from privprune.plots.marks import dash, entries
from privprune.plots.panels import filled, rows_and_columns
from privprune.plots.series import Band
from privprune.plots.style import BAND_ALPHA, TEXT_WIDTH, Look, journal, power, two_lines

_PER_ROW = 3
_FAR = 30  # a curve that spans more than this factor is read on a logarithmic axis


@dataclass(frozen=True)
class HistoryCurve:
    """One cell's curve."""

    look: Look
    cem: bool
    band: Band


@dataclass(frozen=True)
class HistoryPanel:
    """One panel: the quantity, the label of its x axis, and one curve per cell that has the quantity."""

    title: str
    over: str
    runs: tuple[HistoryCurve, ...]


def draw(panels: Sequence[HistoryPanel]) -> Figure:
    """Draw one panel per quantity, with one legend for the figure."""
    rows, columns = rows_and_columns(panels, _PER_ROW)
    with journal():
        figure = Figure(figsize=(TEXT_WIDTH, 2.05 * rows + 0.75))
        axes = figure.subplots(rows, columns, squeeze=False)
        for where, panel in filled(axes, panels):
            _panel(where, panel)
        runs = [run for panel in panels for run in panel.runs]
        handles = entries([run.look for run in runs], cem=any(run.cem for run in runs))
        figure.legend(handles=handles, loc="outside lower left", ncols=4)
    return figure


def _panel(axes: Axes, panel: HistoryPanel) -> None:
    """Draw one quantity of every cell."""
    for run in panel.runs:
        axes.fill_between(run.band.x, run.band.low, run.band.high, color=run.look.colour, alpha=BAND_ALPHA / 2, lw=0)
    for run in panel.runs:
        alone = len(run.band.x) == 1
        axes.plot(
            run.band.x,
            run.band.mean,
            color=run.look.colour,
            linestyle=dash(cem=run.cem),
            marker=run.look.marker if alone else "",
            linewidth=1.0,
        )
    _scale(axes, panel)
    axes.set_title(two_lines(panel.title))
    axes.set_xlabel(panel.over)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))


def _scale(axes: Axes, panel: HistoryPanel) -> None:
    """Choose a logarithmic axis where a quantity spans decades and is never zero."""
    values = [value for run in panel.runs for value in run.band.mean]
    if values and min(values) > 0 and max(values) > _FAR * min(values):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=5))
        axes.yaxis.set_major_formatter(FuncFormatter(power))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
