"""What must hold of every trained network before a number of it may support a verdict."""

from __future__ import annotations

from privprune.checks import Check
from privprune.training.has_learnt import has_learnt
from privprune.training.trained import Trained
from privprune.training.trained_out import not_trained_here, trained_out


def network_checks(trained: Trained, *, as_published: bool = False, learns: bool = True) -> tuple[Check, ...]:
    """Return the checks of the networks of a cell.

    Args:
        trained: their training.
        as_published: whether published weights are used as they are, so that nothing was trained here.
        learns: whether there was something to learn.

    """
    settled = not_trained_here() if as_published else trained_out(trained)
    return (settled, has_learnt(trained)) if learns else (settled,)
