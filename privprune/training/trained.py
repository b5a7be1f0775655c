"""What is known of a finished training: its curves, its phases, and what the methods measured; checks read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Trained:
    """A finished training of the targets of a cell.

    Attributes:
        history: curve -> [epochs][targets]; NaN in an epoch of a phase that does not measure it.
        phases: (name, epochs) of each training phase, in order; together they are as long as the curves.
        measured: metric of the defence or of pruning, or of the utility -> one value per target.

    """

    history: Mapping[str, Sequence[Sequence[float]]]
    phases: Sequence[tuple[str, int]]
    measured: Mapping[str, Sequence[float]]

    def curve(self, name: str, phase: str | None = None) -> list[list[float]]:
        """Return a curve, [targets][epochs], of one phase or of the whole training; empty where it was not measured."""
        rows = list(self.history.get(name, ()))
        if phase is not None:
            before = 0
            for each, epochs in self.phases:
                if each == phase:
                    rows = rows[before : before + epochs]
                    break
                before += epochs
            else:
                return []
        return [list(column) for column in zip(*rows, strict=True)]
