"""What the cloud sees of many methods: the original first, then the reconstructions row by row, all of one size."""

from __future__ import annotations

from collections.abc import Sequence
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

_COLUMNS = 5


def draw(original: Photograph, panels: Sequence[ReconstructionPanel]) -> Figure:
    """Draw the original at the upper left, and every reconstruction after it in the order given."""
    aspect = original.shape[0] / original.shape[1]
    columns = min(_COLUMNS, len(panels) + 1)
    width = (TEXT_WIDTH - 2 * MARGIN - (_COLUMNS - 1) * GAP) / _COLUMNS
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
                original_panel(figure, original, corner, width, aspect)
            else:
                rebuilt_panel(figure, one, corner, width, aspect)
    return figure
