"""Equal attack budgets: both sides of a comparison meet the same attacker, with the same data and the same training."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from privprune.checks import Check, check, not_computed
from privprune.verdicts.measured_cells import MeasuredCell

NAME = "equal attack budgets"
RECORDED = "strongest attacks recorded"


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


def chosen_recorded(runs: Sequence[tuple[MeasuredCell, str]]) -> Check:
    """Check that the settings of the strongest attacks, each (cell, label), are in the records.

    The strongest attacks of two cells may differ. They are chosen among attacks with one budget on all of the cells,
    but for queries to a network that sends the same each time, and without settings all budgets look alike.
    """
    without = [cell.cell for cell, attack in runs if not ((run := cell.run_of(attack)) and run.settings)]
    reason = f"strongest attacks whose record does not contain their settings{_of(without)}"
    return check(RECORDED, [float(len(without))], "at most", 0.0, reason)


def _of(cells: Sequence[str]) -> str:
    return f", on {', '.join(cells)}" if cells else ""


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
