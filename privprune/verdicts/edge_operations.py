"""The operations of every network's edge, from what was counted in exported networks and what pruning removed.

Of a cell at most one network is exported and counted. The others follow: edges of one architecture on the same images
that differ in their weights alone do the same operations, and the record of pruning has the share that went.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from privprune.verdicts.evaluation import Evaluation
from privprune.verdicts.measured_cells import MeasuredCell
from privprune.verdicts.record_metrics import limits_of
from privprune.verdicts.statistics import estimate_of

OPERATIONS = "edge_operations"
_PARAMETERS = "edge_parameters"
_Edge = tuple[str, str, str, float]  # data, architecture, protocol, number of parameters
_Counted = dict[_Edge, float]  # multiply-accumulates for one image


def with_edge_operations(evaluation: Evaluation) -> Evaluation:
    """Return the evaluation with `edge_operations` per seed in every cell for which they follow from what was counted.

    A pruned edge has the dense one's operations less the share removed. Any other edge has those of one with as many
    parameters: an undefended edge and one that adds noise, or a pruned one and one of its widths from scratch. Where
    nothing of the kind was counted, the cell keeps what it has.
    """
    counted = _exported(evaluation.cells)
    pruned = {cell.cell: found for cell in evaluation.cells if (found := _left(cell, counted))}
    for cell in evaluation.cells:
        if cell.cell in pruned:
            parameters = cell.numbers[_PARAMETERS].values
            counted = _edges(cell, parameters, pruned[cell.cell]) | counted
    others = {cell.cell: _as_counted(cell, counted) for cell in evaluation.cells if cell.cell not in pruned}
    return replace(evaluation, cells=tuple(_with(cell, (pruned | others)[cell.cell]) for cell in evaluation.cells))


def _exported(cells: Iterable[MeasuredCell]) -> _Counted:
    """Return what was counted in exported networks."""
    counted: _Counted = {}
    for cell in cells:
        if {OPERATIONS, _PARAMETERS} <= set(cell.deployed):
            parameters, operations = (cell.deployed[name].values for name in (_PARAMETERS, OPERATIONS))
            counted = _edges(cell, parameters, operations) | counted
    return counted


def _edges(cell: MeasuredCell, parameters: Iterable[float], operations: Iterable[float]) -> _Counted:
    return {_edge(cell, size): count for size, count in zip(parameters, operations, strict=True)}


def _edge(cell: MeasuredCell, parameters: float) -> _Edge:
    return cell.data, cell.model, cell.protocol, parameters


def _left(cell: MeasuredCell, counted: _Counted) -> list[float]:
    """Return the operations that pruning left of each edge; empty where it was not pruned or nothing was counted."""
    if not {"edge_parameters_dense", "edge_operations_removed", _PARAMETERS} <= set(cell.numbers):
        return []
    dense = [counted.get(_edge(cell, size), 0.0) for size in cell.numbers["edge_parameters_dense"].values]
    removed = cell.numbers["edge_operations_removed"].values  # percent
    left = [whole * (1 - share / 100) for whole, share in zip(dense, removed, strict=True)]
    return left if all(left) else []


def _as_counted(cell: MeasuredCell, counted: _Counted) -> list[float]:
    """Return the operations of edges with as many parameters; empty where one of them was not counted."""
    sizes = cell.numbers[_PARAMETERS].values if _PARAMETERS in cell.numbers else ()
    found = [counted[_edge(cell, size)] for size in sizes if _edge(cell, size) in counted]
    return found if len(found) == len(sizes) else []


def _with(cell: MeasuredCell, operations: list[float]) -> MeasuredCell:
    if not operations:
        return cell
    estimate = estimate_of(dict(enumerate(operations)), limits_of(OPERATIONS))
    return replace(cell, numbers={**cell.numbers, OPERATIONS: estimate})
