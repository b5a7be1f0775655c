"""What the page of one's own experiments begins with: which method hides most at nearly the best utility."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from privprune.published import attack_label
from privprune.published.metric import Unit
from privprune.tables.numbers_as_text import estimate
from privprune.verdicts import CellRole, Estimate, Evaluation, MeasuredCell, checks_on, failures
from privprune.verdicts.measured_cells import BALANCED
from privprune.verdicts.settings import Threat
from privprune.verdicts.strongest import strongest_attacks

_POINTS = 1  # percentage points of utility below the best; docs/suites.md asks MLflow the same
_CAUTION = "Cells are ordered by their means; where intervals overlap, the order may be chance."
_OF_CELL = ("network", "defence", "pruning")  # whose checks a sentence rests on, with those of the attack


class _Result(NamedTuple):
    """A cell under its strongest attack."""

    role: CellRole
    attack: str
    measured: Estimate
    failed: bool


def own_sentences(evaluation: Evaluation) -> tuple[str, ...]:
    """Return the answers: for each data set its best utility, and who hides most within a point of it.

    Cells are compared by their means, each under its strongest attack, chosen on records that are not evaluated. A
    sentence says so where a check of its cell or attack failed.
    """
    by_data: dict[str, list[CellRole]] = {}
    for role in evaluation.roles:
        by_data.setdefault(role.place.dataset, []).append(role)
    found = [sentence for roles in by_data.values() if (sentence := _of_data(evaluation, roles))]
    return (*found, _CAUTION) if found else ()


def _of_data(evaluation: Evaluation, roles: Sequence[CellRole]) -> str:
    """Return the sentence on one data set; empty where no utility was measured."""
    useful = [(role, found) for role in roles if (found := evaluation.cell(role.cell).utility) is not None]
    if not useful:
        return ""
    utility = max((found for _, found in useful), key=lambda found: found.mean)
    best = " and ".join(dict.fromkeys(role.name for role, found in useful if found.mean == utility.mean))
    near = [role for role, found in useful if utility.mean - found.mean <= _POINTS]
    about = (
        _membership(_results(evaluation, near, "membership")),
        _inversion(_results(evaluation, near, "inversion")),
    )
    told = " and ".join(text for text in about if text)
    count = f"{len(near)} cell{'' if len(near) == 1 else 's'} of {len(roles)}"
    within = f"; within a point of it ({count}), {told}" if told else ""
    return f"{roles[0].place.dataset}: the best utility is {estimate(utility, 'percent')} % ({best}){within}."


def _results(evaluation: Evaluation, roles: Sequence[CellRole], threat: Threat) -> list[_Result]:
    """Return the cells that were attacked, each with its strongest attack and what that measured."""
    results: list[_Result] = []
    for role in roles:
        cell = evaluation.cell(role.cell)
        there = cell.attacks if threat == "membership" else cell.inversions
        chosen = strongest_attacks([cell], threat) if there else None
        measured = _measured(cell, chosen[cell.cell], threat) if chosen else None
        if chosen and measured is not None:
            attack = chosen[cell.cell]
            failed = any(one.subject in (*_OF_CELL, attack) for one in failures(checks_on(cell)))
            results.append(_Result(role, attack, measured, failed))
    return results


def _measured(cell: MeasuredCell, attack: str, threat: Threat) -> Estimate | None:
    return cell.attacks[attack].measures.get(BALANCED) if threat == "membership" else cell.numbers.get(f"{attack}_mse")


def _membership(results: Sequence[_Result]) -> str:
    if not results:
        return ""
    least = min(one.measured.mean for one in results)
    return f"the strongest attack on membership does worst against {_named(results, least, 'percent', ' %')}"


def _inversion(results: Sequence[_Result]) -> str:
    if not results:
        return ""
    largest = max(one.measured.mean for one in results)
    return f"the strongest reconstruction errs most against {_named(results, largest, 'mse', '')}"


def _named(results: Sequence[_Result], mean: float, unit: Unit, sign: str) -> str:
    """Return the cells that have this mean, their attacks, and the number with its interval."""
    found = [one for one in results if one.measured.mean == mean]
    names = " and ".join(dict.fromkeys(one.role.name for one in found))
    attacks = " and ".join(dict.fromkeys(attack_label(one.attack) for one in found))
    failed = "; a check failed" if any(one.failed for one in found) else ""
    measure = "MSE" if unit == "mse" else "balanced accuracy"
    return f"{names} ({attacks}, {measure} {estimate(found[0].measured, unit)}{sign}{failed})"
