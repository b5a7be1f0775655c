"""What a cell is called where rows, controls and curves are shown together."""

from __future__ import annotations

from privprune.verdicts.evaluation import Evaluation


def cell_names(evaluation: Evaluation) -> dict[str, str]:
    """Return cell -> method: that of its first role, and that of its first curve only for a cell without a role.

    A curve of noise may begin at the undefended network, which stays the undefended network.
    """
    of_curves = {cell: curve.name for curve in reversed(evaluation.curves) for cell in curve.cells}
    return of_curves | {role.cell: role.name for role in reversed(evaluation.roles)}
