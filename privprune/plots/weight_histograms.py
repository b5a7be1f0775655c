"""Figure 3 of MIA-Pruning: how the weights that are not zero are distributed."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from privprune.plots.style import MUTED, TEXT_WIDTH, Look, count, journal, two_lines

_MOST_BINS = 50


@dataclass(frozen=True)
class Histogram:
    """One panel: counts of non-zero weights between consecutive edges (one edge more than counts)."""

    title: str
    look: Look
    edges: tuple[float, ...]
    counts: tuple[float, ...]
    weights: float | None  # all weights of the network that could have been pruned
    weights_left: float | None


def draw(panels: Sequence[Histogram]) -> Figure:
    """Draw one panel per defence; all share the axis of weights and the logarithmic axis of counts."""
    with journal():
        figure = Figure(figsize=(TEXT_WIDTH, 2.2))
        axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)
        for place, panel in enumerate(panels):
            _panel(axes[0, place], panel)
        axes[0, 0].set_ylabel("Weights per bin")
        axes[0, 0].set_yscale("log")
        axes[0, 0].set_ylim(0.7, 8 * max(max(_wider(panel.counts, panel.edges)[0], default=1) for panel in panels))
        axes[0, 0].yaxis.set_major_locator(LogLocator(numticks=6))
        axes[0, 0].yaxis.set_major_formatter(FuncFormatter(count))
        axes[0, 0].yaxis.set_minor_locator(NullLocator())
        axes[0, 0].xaxis.set_major_locator(MaxNLocator(5, symmetric=True))
    return figure


def _panel(axes: Axes, panel: Histogram) -> None:
    """Draw one histogram, with its total written in."""
    counts, edges = _wider(panel.counts, panel.edges)
    axes.stairs(counts, edges, fill=True, color=panel.look.colour, alpha=0.3, linewidth=0, baseline=0.1)
    axes.stairs(counts, edges, color=panel.look.colour, linewidth=0.9, baseline=0.1)
    axes.set_title(two_lines(panel.title))
    axes.set_xlabel("Weight")
    if panel.weights_left is not None:
        axes.annotate(
            _total(panel), (0.98, 0.97), xycoords="axes fraction", ha="right", va="top", fontsize=6.5, color=MUTED
        )


def _wider(counts: Sequence[float], edges: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return a histogram with two bins in one where there are more than a panel of an inch can show."""
    if len(counts) <= _MOST_BINS or len(counts) % 2:
        return list(counts), list(edges)
    return [sum(pair) for pair in zip(counts[::2], counts[1::2], strict=True)], list(edges[::2])


def _total(panel: Histogram) -> str:
    """Return how many weights are left, and of how many."""
    left = f"{panel.weights_left:,.0f}"
    if panel.weights is None or panel.weights == panel.weights_left:
        return f"{left} weights"
    return f"{left} of\n{panel.weights:,.0f} weights"
