"""What several figures do: fill a grid of panels, count along an axis, write beside a mark, lay out a legend."""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any, TypeVar

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from privprune.plots.style import PAPER, count

Panel = TypeVar("Panel")

_MOST_COLUMNS = 4  # of a legend
_WIDTH_OF_LEGEND = 166  # in letters of it, across a figure of a page's width
_BESIDE_LABEL = 20  # letters that a sign and the gap to the next column take


def rows_and_columns(panels: Sequence[Any], most: int) -> tuple[int, int]:
    """Return how many rows and columns a grid needs for panels, with at most so many of them side by side."""
    columns = min(len(panels), most)
    return ceil(len(panels) / columns), columns


def filled(grid: Any, panels: Sequence[Panel]) -> Iterator[tuple[Axes, Panel]]:
    """Pair the axes of a grid, row by row, with the panels; axes beyond the last panel are hidden.

    Args:
        grid: array of axes, as `Figure.subplots(..., squeeze=False)` returns it, with a place for every panel.
        panels: what is drawn, in order.

    """
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    yield from zip(grid.flat, panels, strict=False)


def legend_columns(labels: Sequence[str]) -> int:
    """Return how many columns of a legend stand side by side in a figure of a page's width; it is filled by columns."""
    for columns in range(_MOST_COLUMNS, 1, -1):
        rows = ceil(len(labels) / columns)
        longest = [max(map(len, labels[start : start + rows])) for start in range(0, len(labels), rows)]
        if sum(longest) + _BESIDE_LABEL * len(longest) <= _WIDTH_OF_LEGEND:
            return columns
    return 1


def count_on_log_axis(axes: Axes) -> None:
    """Make the x axis logarithmic, with counts such as `20k` at 1, 2 and 5 times powers of ten."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=6))
    axes.xaxis.set_major_formatter(FuncFormatter(count))
    axes.xaxis.set_minor_formatter(NullFormatter())


def write_beside(
    axes: Axes,
    text: str,
    at: tuple[float, float],
    offset: tuple[float, float],
    colour: str,
    *,
    size: float,
    align: tuple[str, str] = ("left", "baseline"),
) -> None:
    """Write text beside a mark, on a ground that keeps it legible over lines.

    Args:
        axes: the panel.
        text: the text.
        at: position of the mark, in data units.
        offset: distance of the text from the mark, in points.
        colour: colour of the text.
        size: size of the font, in points.
        align: horizontal and vertical alignment, as matplotlib names them.

    """
    axes.annotate(
        text,
        at,
        xytext=offset,
        textcoords="offset points",
        ha=align[0],
        va=align[1],
        fontsize=size,
        color=colour,
        bbox={"boxstyle": "square,pad=0.05", "facecolor": PAPER, "alpha": 0.7, "edgecolor": "none"},
        zorder=4,
    )
