"""ROC curves on logarithmic axes, which show attacks at low false-positive rates (Carlini et al. 2022, section 2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from privprune.plots.panels import filled, legend_columns, rows_and_columns
from privprune.plots.series import Band
from privprune.plots.style import MUTED, SHADE, TEXT_WIDTH, Look, journal, percent, two_lines

_PER_ROW = 4
_BAND_ALPHA = 0.1  # five bands or more may overlap here
_MOST_BANDS = 8  # curves of a panel; bands of more are one grey, and most of the file
_LEAST_RATE = 1e-5  # a logarithmic axis cannot show a rate of zero
_GUESS = (0, (4, 2))
_WIDTH = 1.1  # of a curve, in the panels as in the legend


@dataclass(frozen=True)
class RocPanel:
    """One attack on every cell.

    Attributes:
        title: the attack.
        curves: per cell its look and its curve (x: false-positive rate, y: true-positive rate, in [0, 1]).
        nonmembers: non-members per seed, each a possible false positive; 0 where unknown.

    """

    title: str
    curves: tuple[tuple[Look, Band], ...]
    nonmembers: int


def draw(panels: Sequence[RocPanel]) -> Figure:
    """Draw one square panel per attack, all cells in it, with one legend for the figure."""
    rows, columns = rows_and_columns(panels, _PER_ROW)
    least = _floor(panels)
    with journal():
        figure = Figure(figsize=(TEXT_WIDTH, 1.95 * rows + 0.65))
        axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for where, panel in filled(axes, panels):
            _panel(where, panel, least)
        for place, where in enumerate(axes.flat):
            if place >= len(panels) - columns:
                where.set_xlabel("False positives (%)")
                where.tick_params(axis="x", labelbottom=True)
        for where in axes[:, 0]:
            where.set_ylabel("True positives (%)")
        _legend(figure, panels)
    return figure


def _panel(axes: Axes, panel: RocPanel, least: float) -> None:
    """Draw one attack's curves over the diagonal of a blind guess."""
    _scales(axes, least)
    if panel.nonmembers:
        axes.axvspan(least, max(1 / panel.nonmembers, least), color=SHADE, linewidth=0, zorder=0)
    axes.plot([least, 1], [least, 1], color=MUTED, linewidth=0.7, linestyle=_GUESS, zorder=1)
    for look, band in panel.curves if len(panel.curves) <= _MOST_BANDS else ():
        low = [max(value, least / 10) for value in band.low]
        axes.fill_between(band.x, low, band.high, color=look.colour, alpha=_BAND_ALPHA, linewidth=0)
    for look, band in panel.curves:
        axes.plot(band.x, band.mean, color=look.colour, linestyle=look.dash, linewidth=_WIDTH)
    axes.set_title(two_lines(panel.title))


def _scales(axes: Axes, least: float) -> None:
    """Make both axes logarithmic from the floor to 1, with a tick per decade, printed as percentage."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(least, 1)
    axes.set_ylim(least, 1)
    axes.set_box_aspect(1)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(numticks=8))
        axis.set_major_formatter(FuncFormatter(lambda rate, _: percent(rate).replace(" %", "")))
        axis.set_minor_locator(NullLocator())


def _floor(panels: Sequence[RocPanel]) -> float:
    """Return the lower end of the axes: the decade of one non-member, or else the lowest measured rate above zero."""
    nonmembers = max(panel.nonmembers for panel in panels)
    rates = [rate for panel in panels for _, band in panel.curves for rate in band.x if rate > 0]
    decade = 10.0 ** floor(log10(1 / nonmembers)) if nonmembers else 0.0
    return max(min(rates, default=_LEAST_RATE), decade, _LEAST_RATE)


def _legend(figure: Figure, panels: Sequence[RocPanel]) -> None:
    """Name each cell once, below the panels."""
    looks = {look.label: look for panel in panels for look, _ in panel.curves}
    handles = [
        Line2D([], [], color=look.colour, linestyle=look.dash, linewidth=_WIDTH, label=label)
        for label, look in looks.items()
    ]
    handles.append(Line2D([], [], color=MUTED, linestyle=_GUESS, linewidth=0.7, label="Blind guess"))
    columns = legend_columns([*looks, "Blind guess"])
    figure.legend(handles=handles, loc="outside lower left", ncols=columns)
