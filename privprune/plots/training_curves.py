"""Figure 2 of MIA-Pruning: loss of the classifier and accuracy of the attack, each over its own training."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from privprune.plots.series import Band
from privprune.plots.style import BAND_ALPHA, INK, MUTED, TEXT_WIDTH, Look, journal, percent, two_lines

_STEPS = [1, 2, 5, 10]  # ticks at round numbers


@dataclass(frozen=True)
class Phase:
    """A stretch of the training: its name and its first epoch, counted from 1."""

    name: str
    first_epoch: int


@dataclass(frozen=True)
class TrainingColumn:
    """One column of the figure: a defence's loss per epoch, and the accuracy of its attack per epoch of the attack."""

    title: str
    look: Look
    loss: Band
    attack: Band
    phases: tuple[Phase, ...] = ()


def draw(columns: Sequence[TrainingColumn]) -> Figure:
    """Draw one column per defence: upper row the loss, lower row the attack's test accuracy, rows share their scale."""
    with journal():
        figure = Figure(figsize=(TEXT_WIDTH, 3.7))
        axes = figure.subplots(2, len(columns), sharey="row", squeeze=False)
        for place, column in enumerate(columns):
            _upper(axes[0, place], column)
            _lower(axes[1, place], column)
        axes[0, 0].set_ylabel("Classification loss")
        axes[1, 0].set_ylabel("Attack accuracy")
        axes[0, 0].set_ylim(0, 1.15 * max(max(column.loss.high, default=1) for column in columns))  # room for names
        axes[1, 0].yaxis.set_major_locator(MaxNLocator(5, steps=_STEPS))
        axes[1, 0].yaxis.set_major_formatter(FuncFormatter(percent))
    return figure


def _upper(axes: Axes, column: TrainingColumn) -> None:
    """Draw a classifier's loss, with its phases."""
    _band(axes, column.loss, column.look)
    _phases(axes, column)
    axes.set_title(two_lines(column.title))
    axes.set_xlabel("Epoch of the classifier")


def _lower(axes: Axes, column: TrainingColumn) -> None:
    """Draw an attack's accuracy, with the line of a blind guess."""
    axes.axhline(0.5, color=MUTED, linewidth=0.8, linestyle=(0, (4, 2)))
    _band(axes, column.attack, column.look)
    axes.set_xlabel("Evaluation of the attack")


def _band(axes: Axes, band: Band, look: Look) -> None:
    """Draw a mean and its band; a single measured epoch becomes a marker."""
    axes.fill_between(band.x, band.low, band.high, color=look.colour, alpha=BAND_ALPHA, linewidth=0)
    axes.plot(band.x, band.mean, color=look.colour, marker=look.marker if len(band.x) == 1 else "")
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1, steps=_STEPS))


def _phases(axes: Axes, column: TrainingColumn) -> None:
    """Mark where each phase begins, and write its name beside the mark."""
    for phase in column.phases:
        start = phase.first_epoch - 0.5
        if phase.first_epoch > 1:
            axes.axvline(start, color=INK, linewidth=0.6, linestyle=(0, (1, 2)))
        axes.annotate(
            phase.name,
            (start, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(2, -2),
            textcoords="offset points",
            va="top",
            fontsize=6.5,
            color=MUTED,
        )
