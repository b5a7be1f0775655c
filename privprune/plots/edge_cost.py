"""What is written about the axis of an edge's cost, and about cells that cannot be placed on it."""

from __future__ import annotations

from collections.abc import Iterable

from privprune.verdicts import MeasuredCell
from privprune.verdicts.edge_operations import OPERATIONS

COST = "Edge operations per image (multiply-accumulates)"


def cost_words(cells: Iterable[tuple[str, MeasuredCell]]) -> str:
    """Return where the operations come from, and which cells are not shown since theirs are unknown.

    Args:
        cells: name of each, and what was measured.

    """
    source = "Operations are counted in exported networks; the others follow by the share that pruning removed."
    names = sorted({f"{name} ({cell.cell})" for name, cell in cells if OPERATIONS not in cell.numbers})
    return f"{source} Not counted and not shown: {', '.join(names)}." if names else source
