"""Equal attack budgets: both sides of a comparison meet the same attacker, with the same data and the same training."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from privprune.checks import Check, check, not_computed
from privprune.verdicts.measured_cells import MeasuredCell

NAME = "equal attack budgets"


def attacked_alike(runs: Sequence[tuple[MeasuredCell, str]]) -> Check:
    """Check that the attacks, each (cell, label), have one budget: equal settings but the start, equal known images."""
    known = [(cell, run) for cell, attack in runs if (run := cell.run_of(attack)) is not None and run.settings]
    if len(known) < len(runs):
        return _unknown(runs)
    budgets = list(dict.fromkeys(run.budget for _, run in known))
    differ = _differing(budgets)
    reason = (
        f"budgets of one attack differ in {', '.join(differ)}"
        if differ
        else "different budgets that the attack had on these cells"
    )
    return check(NAME, [float(len(budgets))], "at most", 1.0, reason)


def chosen_alike(runs: Sequence[tuple[MeasuredCell, str]]) -> Check:
    """Check that every chosen attack, each (cell, label), was run with its budget on all of the cells.

    The strongest attacks of two cells may differ; they were chosen from the same attacks if each was run on both.
    """
    chosen = [run for cell, attack in runs if (run := cell.run_of(attack)) is not None and run.settings]
    if len(chosen) < len(runs):
        return _unknown(runs)
    cells = [cell for cell, _ in runs]
    missing = sum(run.budget not in budgets_on(cell) for run in chosen for cell in cells)
    return check(
        NAME,
        [float(missing)],
        "at most",
        0.0,
        "cells on which one of the strongest attacks was not run with its budget",
    )


def budgets_on(cell: MeasuredCell) -> set[str]:
    """Return the budgets of all attacks on a cell."""
    runs = [one.run for one in cell.attacks.values()] + [one.run for one in cell.inversions.values()]
    return {run.budget for run in runs}


def _unknown(runs: Sequence[tuple[MeasuredCell, str]]) -> Check:
    without = [cell.cell for cell, attack in runs if not ((run := cell.run_of(attack)) and run.settings)]
    return not_computed(NAME, "at most", 1.0, f"the record of {', '.join(without)} does not contain the settings")


def _differing(budgets: Sequence[str]) -> list[str]:
    """Return the keys, as `fit.epochs`, in which budgets differ."""
    leaves = [_leaves("", json.loads(budget)) for budget in budgets]
    names = dict.fromkeys(name for one in leaves for name in one)
    return [name.removeprefix("settings.") for name in names if len({str(one.get(name)) for one in leaves}) > 1]


def _leaves(prefix: str, content: Any) -> dict[str, Any]:
    if not isinstance(content, Mapping):
        return {prefix: content}
    return {
        name: value
        for key, inner in content.items()
        for name, value in _leaves(f"{prefix}.{key}" if prefix else str(key), inner).items()
    }
