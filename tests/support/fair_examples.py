"""Evaluations of MNIST's LeNet-5 from made-up records, for tests of fairness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from verdict_records import cell_records

from privprune.published import load
from privprune.records import Record
from privprune.verdicts import ClaimResult, ControlSettings, EvaluateSettings, Evaluation, RowSettings, evaluate

PAPER = load("mia_pruning")
MNIST = ("MNIST", "LeNet-5")
LOWER = [0.60, 0.61, 0.62], [0.58, 0.59, 0.60]  # two points lower for every seed: the claim is supported


def evaluated(records: Sequence[Record], **cells: str) -> Evaluation:
    """Evaluate cells of MNIST LeNet-5 as defences, or as controls where the name is one."""
    rows = tuple(RowSettings(*MNIST, name, cell, "nasr") for name, cell in cells.items() if name in PAPER.defences)
    others = tuple(
        ControlSettings(*MNIST, name, cell, "nasr") for name, cell in cells.items() if name in PAPER.controls
    )
    return evaluate(records, PAPER, EvaluateSettings("mia_pruning", rows, others, ()), "test")


def pair(base: dict[str, Any] | None = None, **pruned: Any) -> list[Record]:
    """Return records of a baseline and of a pruned cell that is attacked less; the arguments change them."""
    return [
        *cell_records("base", **{"attacks": {"nasr": LOWER[0]}, **(base or {})}),
        *cell_records("pruned", **{"attacks": {"nasr": LOWER[1]}, **pruned}),
    ]


def claim(evaluation: Evaluation, name: str) -> ClaimResult:
    """Return one claim."""
    return next(one for one in evaluation.claims if one.name == name)
