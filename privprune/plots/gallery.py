"""What the cloud sees of many methods: the original first, then the reconstructions row by row, all of one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from matplotlib.figure import Figure

from privprune.plots.cloud import (
    GAP,
    LINE,
    MARGIN,
    Photograph,
    ReconstructionPanel,
    lines,
    original_panel,
    rebuilt_panel,
)
from privprune.plots.style import TEXT_WIDTH, journal

_COLUMNS, _COLUMNS_OF_STRIPS = 5, 3
_STRIP = 0.5  # a panel that is lower than this share of its width is a strip of images
_SQUARES = 5  # squares of its height that are shown of a strip: ten faces side by side are too small to recognise


def draw(original: Photograph, panels: Sequence[ReconstructionPanel]) -> Figure:
    """Draw the original at the upper left, and every reconstruction after it in the order given.

    Strips of many images have wide panels, and of long ones only the beginning is shown.
    """
    start = _start(original)
    aspect = start.shape[0] / start.shape[1]
    across = _COLUMNS_OF_STRIPS if aspect < _STRIP else _COLUMNS
    columns = min(across, len(panels) + 1)
    width = (TEXT_WIDTH - 2 * MARGIN - (across - 1) * GAP) / across
    step = width * aspect + (1 + max(lines(one, width) for one in panels)) * LINE + 0.06
    rows = ceil((len(panels) + 1) / columns)
    height = rows * step + MARGIN
    with journal():
        figure = Figure(figsize=(TEXT_WIDTH, height))
        figure.set_layout_engine("none")  # every panel has its place
        for number, one in enumerate([None, *panels]):
            row, column = divmod(number, columns)
            corner = MARGIN + column * (width + GAP), height - MARGIN - row * step
            if one is None:
                original_panel(figure, start, corner, width, aspect)
            else:
                rebuilt_panel(figure, replace(one, picture=_start(one.picture)), corner, width, aspect)
    return figure


def _start(picture: Photograph) -> Photograph:
    """Return the left part of a strip, whole squares of its height; another picture as it is."""
    return picture[:, : _SQUARES * picture.shape[0]]
