"""Published beside measured: one line per printed row that was run."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from privprune.plots.series import Point
from privprune.plots.style import INK, MUTED, NEUTRAL, TEXT_WIDTH, Look, journal

DAGGER = "\u2020"  # marks stand-in data in every figure and table
DOUBLE_DAGGER = "\u2021"  # marks rows with a failed check


@dataclass(frozen=True)
class PublishedAndMeasured:
    """One printed number and its measurement, in the unit of its panel."""

    published: float
    measured: Point


@dataclass(frozen=True)
class ForestRow:
    """One printed row: a pair per measure, None where the number is not printed or not measured."""

    label: str
    look: Look
    pairs: tuple[PublishedAndMeasured | None, ...]
    stand_in: bool  # measured on other data, with another network or under another protocol than printed
    check_failed: bool  # a check of the network, its defence or the attack failed


@dataclass(frozen=True)
class ForestGroup:
    """The lines of one printed table on one dataset and network."""

    title: str
    lines: tuple[ForestRow, ...]


def draw(measures: Sequence[tuple[str, str]], groups: Sequence[ForestGroup]) -> Figure:
    """Draw one panel per measure (its name and unit): published as hollow circle, measured filled with its interval."""
    height = sum(1 + len(group.lines) for group in groups)
    with journal():
        figure = Figure(figsize=(TEXT_WIDTH, 0.175 * height + 0.95))
        axes = figure.subplots(1, len(measures), sharey=True, squeeze=False)
        for place, (measure, unit) in enumerate(measures):
            where = axes[0, place]
            _panel(where, groups, place)
            where.set_title(measure)
            where.set_xlabel(unit)
        _labels(axes[0, 0], groups, height)
        lines = [line for group in groups for line in group.lines]
        _legend(
            figure,
            stand_ins=any(line.stand_in for line in lines),
            failures=any(line.check_failed for line in lines),
        )
    return figure


def _panel(axes: Axes, groups: Sequence[ForestGroup], place: int) -> None:
    """Draw one measure of every group from top to bottom."""
    height = 0
    for group in groups:
        axes.axhline(height + 0.42, color=INK, linewidth=0.3, alpha=0.5, zorder=0)
        for offset, line in enumerate(group.lines, start=1):
            pair = line.pairs[place]
            if pair is not None:
                _pair(axes, pair, line, height + offset)
        height += 1 + len(group.lines)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))


def _pair(axes: Axes, pair: PublishedAndMeasured, line: ForestRow, height: int) -> None:
    """Draw one printed number and its measurement, joined by a thin line."""
    measured = pair.measured
    below, above = measured.reach
    axes.plot([pair.published, measured.value], [height, height], color=MUTED, linewidth=0.5, alpha=0.6, zorder=1)
    axes.plot([pair.published], [height], marker="o", markersize=4.6, markerfacecolor="none", color=INK, linestyle="")
    axes.errorbar(
        [measured.value],
        [height],
        xerr=[[below], [above]],
        color=line.look.colour,
        marker="D" if line.stand_in else "o",
        markersize=3.6 if line.stand_in else 4.2,
        elinewidth=1.3,
        capsize=0,
        zorder=3,
    )


def _labels(axes: Axes, groups: Sequence[ForestGroup], height: int) -> None:
    """Write the names of groups (bold) and rows at the left; rows have the daggers of their kind."""
    texts: list[tuple[str, str]] = []
    for group in groups:
        texts.append((group.title, "bold"))
        texts += [(_marked(line), "normal") for line in group.lines]
    axes.set_ylim(height - 0.4, -0.6)
    axes.set_yticks(range(height), [text for text, _ in texts])
    for label, (_, weight) in zip(axes.get_yticklabels(), texts, strict=True):
        label.set_fontweight(weight)


def _marked(line: ForestRow) -> str:
    """Return a row's name with the daggers of stand-in data and of a failed check."""
    marks = DAGGER * line.stand_in + DOUBLE_DAGGER * line.check_failed
    return f"{line.label} {marks}".strip()


def _legend(figure: Figure, *, stand_ins: bool, failures: bool) -> None:
    """Explain hollow and filled marks and, where there are any, the marks of stand-in data and of failed checks."""
    entries = [
        Line2D([], [], marker="o", markerfacecolor="none", color=INK, linestyle="", label="Published"),
        Line2D([], [], marker="o", color=NEUTRAL, label="Measured, 95 % interval"),
    ]
    if stand_ins:
        label = f"{DAGGER} Measured on stand-in data, network or split"
        entries.append(Line2D([], [], marker="D", markersize=3.6, color=NEUTRAL, label=label))
    if failures:
        entries.append(Line2D([], [], linestyle="", label=f"{DOUBLE_DAGGER} No fair test: a check failed"))
    figure.legend(handles=entries, loc="outside lower left", ncols=len(entries) if len(entries) < 4 else 2)
