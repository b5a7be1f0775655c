"""The figure of one's own experiments: utility against every attack, one panel per attack, one colour per method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from privprune.plots.drawing import Drawing, file_name
from privprune.plots.panels import filled, rows_and_columns
from privprune.plots.style import MUTED, TEXT_WIDTH, journal, two_lines
from privprune.published import attack_label
from privprune.verdicts import CellRole, Estimate, Evaluation, MeasuredCell

_PER_ROW = 3
_COLOURS = (
    "#4d4d4d",
    "#0067a5",
    "#c8500a",
    "#a3418c",
    "#0b8062",
    "#9a6b00",
    "#00808a",
    "#b0305c",
    "#5b5ea6",
    "#6b7a00",
)
_MARKERS = "osD^vXPp*h"
_GUESS = 50.0  # percent: balanced accuracy of an attacker who guesses


@dataclass(frozen=True)
class OwnMark:
    """One method: its place in the legend, what is left of the network, and what the attack finds."""

    number: int
    label: str
    utility: Estimate
    found: Estimate


@dataclass(frozen=True)
class OwnPanel:
    """One attack: its name and measure, and whether the measure is a rate that a guess reaches in half of the cases."""

    title: str
    measure: str
    guess: bool
    marks: tuple[OwnMark, ...]


def draw(evaluation: Evaluation) -> list[Drawing]:
    """Draw one figure per data set and model with every attack that was run on at least one of its cells."""
    places = dict.fromkeys((role.place.dataset, role.place.model) for role in evaluation.roles)
    drawings = []
    for dataset, model in places:
        roles = [role for role in evaluation.roles if (role.place.dataset, role.place.model) == (dataset, model)]
        panels = _panels(roles, evaluation)
        if panels:
            drawings.append(_drawing(f"{dataset}, {model}", file_name(("own", dataset, model)), panels))
    return drawings


def _drawing(place: str, name: str, panels: Sequence[OwnPanel]) -> Drawing:
    caption = (
        "Further right the network is better at its task. Of attacks on membership, lower hides more, and the dashed "
        "line is a guess; of attacks that rebuild images, higher hides more. Bars are 95 % intervals."
    )
    texts = "; ".join(
        f"{panel.title}: "
        + ", ".join(f"{mark.label} {mark.utility.mean:.1f} % and {mark.found.mean:.4g}" for mark in panel.marks)
        for panel in panels
    )
    alt = f"Scatter of utility against each of {len(panels)} attacks. {texts}."
    return Drawing(name, f"Utility against every attack on {place}", caption, alt, _figure(panels), leads=True)


def _panels(roles: Sequence[CellRole], evaluation: Evaluation) -> list[OwnPanel]:
    cells = [evaluation.cell(role.cell) for role in roles]
    attacks = dict.fromkeys(attack for cell in cells for attack in cell.attacks)
    inversions = dict.fromkeys(attack for cell in cells for attack in cell.inversions)
    panels = [
        OwnPanel(attack_label(one), "balanced accuracy (%)", True, _marks(roles, cells, one, "")) for one in attacks
    ]
    panels += [
        OwnPanel(attack_label(one), "mean squared error", False, _marks(roles, cells, "", f"{one}_mse"))
        for one in inversions
    ]
    return [panel for panel in panels if panel.marks]


def _marks(roles: Sequence[CellRole], cells: Sequence[MeasuredCell], attack: str, metric: str) -> tuple[OwnMark, ...]:
    """Return the marks of one attack on membership, or of one metric of an inversion."""
    marks = []
    for number, (role, cell) in enumerate(zip(roles, cells, strict=True)):
        result = cell.attacks.get(attack)
        found = result.measures.get("balanced_accuracy") if result else cell.numbers.get(metric)
        if cell.utility is not None and found is not None:
            marks.append(OwnMark(number, role.name, cell.utility, found))
    return tuple(marks)


def _figure(panels: Sequence[OwnPanel]) -> Figure:
    rows, columns = rows_and_columns(panels, _PER_ROW)
    with journal():
        figure = Figure(figsize=(TEXT_WIDTH, 2.3 * rows + 0.7))
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes, panel in filled(grid, panels):
            _panel(axes, panel)
        marks = {mark.number: mark for panel in panels for mark in panel.marks}
        handles = [_handle(mark) for _, mark in sorted(marks.items())]
        figure.legend(handles=handles, loc="outside lower left", ncols=3)
    return figure


def _panel(axes: Axes, panel: OwnPanel) -> None:
    if panel.guess:
        axes.axhline(_GUESS, color=MUTED, linewidth=0.8, linestyle=(0, (4, 2)))
    for mark in panel.marks:
        axes.errorbar(
            [mark.utility.mean],
            [mark.found.mean],
            xerr=_bars(mark.utility),
            yerr=_bars(mark.found),
            color=_colour(mark),
            marker=_marker(mark),
            markersize=5,
            elinewidth=0.8,
            capsize=0,
        )
    axes.set_title(two_lines(panel.title))
    axes.set_xlabel("Utility (%)")
    axes.set_ylabel(panel.measure)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))


def _bars(estimate: Estimate) -> list[list[float]] | None:
    """Return the lengths of the error bars below and above, None without an interval."""
    if estimate.low is None or estimate.high is None:
        return None
    return [[max(estimate.mean - estimate.low, 0.0)], [max(estimate.high - estimate.mean, 0.0)]]


def _colour(mark: OwnMark) -> str:
    return _COLOURS[mark.number % len(_COLOURS)]


def _marker(mark: OwnMark) -> str:
    return _MARKERS[mark.number % len(_MARKERS)]


def _handle(mark: OwnMark) -> Line2D:
    return Line2D([], [], color=_colour(mark), marker=_marker(mark), linestyle="", markersize=5, label=mark.label)
