"""Figures of the benchmarks: results relative to their aims, growth of costs, time of large networks by operator."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from benchmarks.growth_law import fitted
from benchmarks.units import aimed, with_unit
from privprune.files import write_text
from privprune.plots.saving import svg
from privprune.plots.style import DEFENCES, FEATURE_DEFENCES, INK, MUTED, NEUTRAL, TEXT_WIDTH, count, journal, power

Row = Mapping[str, Any]
REACHED, MISSED = DEFENCES["mia_pruning"].colour, DEFENCES["min_max"].colour
_PARTS = (  # colours of the bars of `peak`, from the left
    REACHED,
    *(FEATURE_DEFENCES[name].colour for name in ("distance_correlation", "resfl", "dropout", "patrol_as_in_cem")),
    *(FEATURE_DEFENCES[name].colour for name in ("noise", "noise_nopeek", "noise_arl", "top_k")),
    NEUTRAL,
)
_PER_ROW = 3


def draw(rows: Sequence[Row], folder: Path) -> list[tuple[str, str]]:
    """Draw all figures that have rows; returns the name and caption of each file, in the order of the page."""
    with_aim = [row for row in rows if row["aim"] is not None and row["value"] is not None]
    grown = [row for row in rows if row["benchmark"] == "growth" and row.get("points")]
    divided = [row for row in rows if row["benchmark"] == "peak" and row.get("points")]
    figures = []
    for name, shown, drawing, caption in (
        ("ratios", with_aim, ratios, "What was reached of each aim; right of the line is better than it"),
        ("growth", grown, growth, "How cost grows: medians, and the power of n through them"),
        ("peak", divided, peak, "Training steps against the machine's matrix peak: where the time goes"),
    ):
        if shown:
            write_text(folder / f"{name}.svg", svg(drawing(shown), name))
            figures.append((f"{name}.svg", caption))
    return figures


def ratios(rows: Sequence[Row]) -> Figure:
    """Draw how many times better than its aim each result is; the axis serves all units."""
    labels = [textwrap.fill(f"{row['benchmark']}: {row['measure']}", 78, max_lines=2) for row in rows]
    scores = [score(row) for row in rows]
    with journal():
        figure = Figure(figsize=(TEXT_WIDTH, 0.29 * len(rows) + 0.75))
        axes = figure.subplots()
        axes.set_xscale("log")
        axes.axvline(1, color=INK, linewidth=0.9, zorder=1)
        for place, (row, reached) in enumerate(zip(rows, scores, strict=True)):
            colour, marker = (REACHED, "o") if row["reached"] == "yes" else (MISSED, "X")
            axes.plot([1, reached], [place, place], color=colour, linewidth=1.6, zorder=2)
            axes.plot([reached], [place], color=colour, marker=marker, markersize=5, linestyle="", zorder=3)
            value = f"{with_unit(row['value'], row['unit'])}  ({aimed(row)})"
            axes.annotate(value, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=6)
        axes.set_xlim(min(0.5, *scores) / 1.15, max(2.0, *scores) * 1.15)
        axes.set_yticks(range(len(rows)), labels, fontsize=6)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("Times better than the aim, logarithmic")
        _logarithmic(axes, x=True)
        handles = [
            Line2D([], [], color=REACHED, marker="o", label="aim reached"),
            Line2D([], [], color=MISSED, marker="X", label="aim missed"),
        ]
        figure.legend(handles=handles, loc="outside lower left", ncols=2)
    return figure


def score(row: Row) -> float:
    """Return how many times better than its aim a result is; 1 at the aim."""
    value, aim = max(float(row["value"]), 1e-9), float(row["aim"])
    return value / aim if row["better"] == "higher" else aim / value


def growth(rows: Sequence[Row]) -> Figure:
    """Draw each cost against the size n on logarithmic axes, with the fitted power law."""
    columns = min(len(rows), _PER_ROW)
    lines = ceil(len(rows) / columns)
    with journal():
        figure = Figure(figsize=(TEXT_WIDTH, 2.1 * lines))
        places = list(figure.subplots(lines, columns, squeeze=False).flat)
        for axes, row in zip(places, rows, strict=False):
            _grown(axes, row)
        for axes in places[len(rows) :]:
            axes.set_axis_off()
    return figure


def _grown(axes: Axes, row: Row) -> None:
    """Draw the cost of one quantity."""
    points = [(float(size), seconds) for size, seconds in row["points"]]
    sizes, seconds = zip(*points, strict=True)
    law = fitted(points)
    x = np.geomspace(min(sizes), max(sizes), 20)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.plot(x, [law.at(size) for size in x], color=REACHED, linewidth=1.0)
    axes.plot(sizes, seconds, color=REACHED, marker="s", linestyle="")
    axes.plot(x, seconds[0] * x / sizes[0], color=MUTED, linewidth=0.8, linestyle=(0, (4, 1.6)))
    what, _, meant = row["measure"].partition(": ")
    place = ", GPU" if meant.endswith(", GPU") else ""
    axes.set_title(f"{what.capitalize()}{place}: n^{law.exponent:.2f}")
    axes.set_xlabel(f"n, {what}")
    axes.set_ylabel("Seconds (dashed: n^1)")
    axes.set_xticks(sizes, [count(size) for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    _logarithmic(axes, x=False)


def _logarithmic(axes: Axes, *, x: bool) -> None:
    """Label 0.5, 1, 2, 5, 10 and so on along a logarithmic axis, without minor ticks."""
    axis = axes.xaxis if x else axes.yaxis
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=9))
    axis.set_major_formatter(FuncFormatter(power))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def peak(rows: Sequence[Row]) -> Figure:
    """Draw how the time of a training step is divided; the left part is that of its products at peak speed."""
    labels = list(dict.fromkeys(label for row in rows for label, _ in row["points"]))
    colours = dict(zip(labels, (*_PARTS, *[MUTED] * len(labels)), strict=False))
    with journal():
        figure = Figure(figsize=(TEXT_WIDTH, 0.42 * len(rows) + 1.35))
        axes = figure.subplots()
        for place, row in enumerate(rows):
            done = 0.0
            for label, share in row["points"]:
                axes.barh(place, 100 * share, left=100 * done, height=0.62, color=colours[label])
                done += share
            axes.annotate(
                f"{row['value']:.0f} %", (0.8, place), va="center", color="white", fontsize=6.5, fontweight="bold"
            )
        named = [str(row["measure"]).partition(": ")[0] for row in rows]
        axes.set_yticks(range(len(rows)), named)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlim(0, 100)
        axes.set_xlabel("Share of a training step's time, %")
        handles = [Line2D([], [], color=colour, linewidth=5, label=label) for label, colour in colours.items()]
        figure.legend(handles=handles, loc="outside lower left", ncols=3)
    return figure
