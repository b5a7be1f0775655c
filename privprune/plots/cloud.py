"""What the cloud sees: the original in the middle, around it the reconstructions from the features that were sent."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from textwrap import wrap

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.image import imread

from privprune.plots.style import INK, MUTED, TEXT_WIDTH, Look, journal

GAP = 0.13  # inches between panels
MARGIN = 0.03  # inches left and right of all panels, for their frames
LINE = 0.128  # inches of one line of text
_HEAD = 0.34  # inches above the panels
_TALL = 9.6  # inches: a figure that would be taller gets narrower panels
_LETTER = 0.062  # inches of one bold letter
_WIDE_ROWS = 4  # with more pairs than this, two are placed on each side

Photograph = npt.NDArray[np.float64]  # height x width x channels, in [0, 1]


@dataclass(frozen=True)
class ReconstructionPanel:
    """One panel: name and look of the defence, the reconstruction, and its numbers, one text per line."""

    label: str
    look: Look
    picture: Photograph
    numbers: tuple[str, ...]


@dataclass(frozen=True)
class DefencePair:
    """A defence without and with CEM; None where it was not run. A reference is the pair without any defence."""

    without: ReconstructionPanel | None
    cem: ReconstructionPanel | None
    reference: bool


@dataclass(frozen=True)
class Arrangement:
    """Position of the panels: (panel, row, column) in a grid whose middle column contains the original."""

    rows: int
    columns: int
    panels: tuple[tuple[ReconstructionPanel, int, int], ...]


def decode(panel: str) -> Photograph:
    """Return the photograph that a record contains as base64 of a PNG."""
    pixels = np.asarray(imread(io.BytesIO(base64.b64decode(panel)), format="png"), dtype=np.float64)
    return pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)


def arrange(pairs: Sequence[DefencePair], aspect: float) -> Arrangement:
    """Place pairs left and right of the original, without CEM at the left and with CEM at the right.

    Args:
        pairs: in reading order; the reference is placed above and below the original where there is room.
        aspect: height of a photograph over its width.

    """
    reference = [pair for pair in pairs if pair.reference]
    others = [pair for pair in pairs if not pair.reference]
    aside = _aside(len(others), aspect)
    if not reference or ceil(len(others) / aside) < 3:
        reference, others = [], list(pairs)
        aside = _aside(len(others), aspect)
    rows, middle = ceil(len(others) / aside), aside
    placed: list[tuple[ReconstructionPanel | None, int, int]] = []
    for number, pair in enumerate(others):
        row, column = number // aside, number % aside
        placed += [(pair.without, row, column), (pair.cem, row, middle + 1 + column)]
    for pair in reference:
        placed += [(pair.without, 0, middle), (pair.cem, rows - 1, middle)]
    return Arrangement(rows, 2 * aside + 1, tuple((one, row, column) for one, row, column in placed if one))


def _aside(pairs: int, aspect: float) -> int:
    """Return how many panels stand on each side of the original in one row."""
    height = pairs * (aspect * (TEXT_WIDTH / 3 - GAP) + 5 * LINE)
    return 1 if pairs <= _WIDE_ROWS and height <= _TALL else 2


def draw(original: Photograph, pairs: Sequence[DefencePair], note: Sequence[str]) -> Figure:
    """Draw the original in the middle and every reconstruction around it, all of one size.

    Args:
        original: the photograph, which stays on the device.
        pairs: the reconstructions.
        note: the name of the attack, then remarks on all panels; written below the original where there is room.

    """
    aspect = original.shape[0] / original.shape[1]
    grid = arrange(pairs, aspect)
    width = (TEXT_WIDTH - 2 * MARGIN - (grid.columns - 1) * GAP) / grid.columns
    under = 1 + max(lines(one, width) for one, _, _ in grid.panels)
    step = width * aspect + under * LINE + 0.06
    height = grid.rows * step + _HEAD
    with journal():
        figure = Figure(figsize=(TEXT_WIDTH, height))
        figure.set_layout_engine("none")  # every panel has its place
        for one, row, column in grid.panels:
            rebuilt_panel(figure, one, (MARGIN + column * (width + GAP), height - _HEAD - row * step), width, aspect)
        middle = MARGIN + grid.columns // 2 * (width + GAP)
        original_panel(figure, original, (middle, height - _HEAD - (grid.rows - 1) / 2 * step), width, aspect)
        if grid.rows > 2 and (grid.rows - 1, grid.columns // 2) not in {(row, at) for _, row, at in grid.panels}:
            _note(figure, note, (middle, height - _HEAD - (grid.rows - 1) * step))
        _heads(figure, middle, width)
    return figure


def lines(one: ReconstructionPanel, width: float) -> int:
    """Return how many lines stand under a panel."""
    return len(_label(one, width)) + len(one.numbers)


def _label(one: ReconstructionPanel, width: float) -> list[str]:
    """Break a panel's name to the width of its photograph."""
    return wrap(one.label, int(width / _LETTER)) or [""]


def _photograph(
    figure: Figure,
    picture: Photograph,
    corner: tuple[float, float],
    width: float,
    aspect: float,
    frame: tuple[str, float],
) -> None:
    """Draw a photograph; `corner` is its upper left corner in inches from the lower left of the figure."""
    whole, high = figure.get_size_inches()
    left, top = corner
    axes = figure.add_axes((left / whole, (top - width * aspect) / high, width / whole, width * aspect / high))
    axes.imshow(np.clip(picture, 0, 1), interpolation="antialiased", aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([])
    colour, thickness = frame
    for spine in axes.spines.values():
        spine.set(visible=True, edgecolor=colour, linewidth=thickness)


def rebuilt_panel(
    figure: Figure, one: ReconstructionPanel, corner: tuple[float, float], width: float, aspect: float
) -> None:
    """Draw one reconstruction, framed in its defence's colour, with name and numbers below."""
    _photograph(figure, one.picture, corner, width, aspect, (one.look.colour, 1.4))
    left, top = corner
    top -= width * aspect + 0.045
    name = _label(one, width)
    for number, text in enumerate([*name, *one.numbers]):
        bold = number < len(name)
        _write(
            figure,
            text,
            (left, top - number * LINE),
            size=7.2 if bold else 6.4,
            weight="bold" if bold else "normal",
            color=one.look.colour if bold else INK,
        )


def original_panel(
    figure: Figure, picture: Photograph, corner: tuple[float, float], width: float, aspect: float
) -> None:
    """Draw the original in a heavy frame."""
    _photograph(figure, picture, corner, width, aspect, (INK, 2.2))
    left, top = corner
    _write(figure, "Original", (left, top - width * aspect - 0.055), size=7.6, weight="bold", color=INK)
    below = top - width * aspect - 0.055 - LINE
    _write(figure, "stays on the device", (left, below), size=6.4, weight="normal", color=MUTED)


def _note(figure: Figure, note: Sequence[str], corner: tuple[float, float]) -> None:
    """Write the remarks on all panels."""
    left, top = corner
    for number, text in enumerate(note):
        weight = "normal" if number else "bold"
        _write(figure, text, (left, top - number * LINE), size=6.4, weight=weight, color=MUTED if number else INK)


def _heads(figure: Figure, middle: float, width: float) -> None:
    """Write above the panels which side is without and which with CEM."""
    whole, high = figure.get_size_inches()
    right = middle + width + GAP
    for text, start, end in (("Without CEM", MARGIN, middle - GAP), ("With CEM", right, whole - MARGIN)):
        _write(figure, text, (start, high - 0.03), size=8.4, weight="bold", color=INK)
        rule = figure.add_axes((start / whole, (high - 0.21) / high, (end - start) / whole, 0.0001))
        rule.axhline(0, color=INK, linewidth=0.7, clip_on=False)
        rule.set_axis_off()


def _write(figure: Figure, text: str, corner: tuple[float, float], *, size: float, weight: str, color: str) -> None:
    """Write a line; `corner` is its upper left corner in inches from the lower left of the figure."""
    whole, high = figure.get_size_inches()
    figure.text(
        corner[0] / whole, corner[1] / high, text, fontsize=size, fontweight=weight, color=color, ha="left", va="top"
    )
