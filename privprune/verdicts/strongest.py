"""The strongest attack of each cell, chosen on records that are not evaluated, and comparisons under it.

A claim about an attack's success is about every attacker, so it is judged under the paper's own attack and under the
strongest. The choice is made per cell among the attacks that were run with the same budget on all cells of the
comparison, so that neither side meets an attacker that the other was spared. An attack with more transmissions of an
image counts as run on a network that sends the same each time, since it would see nothing new there. The choice does
not ask whether an attack passes its checks: if the strongest fails one, the test is not fair. A control that ignores
the model is never chosen.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from privprune.published import INVERSION_MEASURES, METRICS, Comparison
from privprune.verdicts.attack_results import AttackRun
from privprune.verdicts.comparison_groups import ComparedCell, ComparisonGroup
from privprune.verdicts.measured_cells import BALANCED, MeasuredCell
from privprune.verdicts.settings import Threat

ATTACK_ACCURACY = "attack_accuracy"
_SELECTED_BY: dict[Threat, str] = {"membership": BALANCED, "inversion": "mse"}


def threat_in(comparison: Comparison) -> Threat | None:
    """Return the threat whose attack a comparison is about: membership, inversion, or None for no single attack."""
    metrics = (comparison.metric, comparison.against or "") if comparison.ranks else (comparison.metric,)
    if ATTACK_ACCURACY in metrics:
        return "membership"
    return "inversion" if any(measure_of(metric) for metric in metrics) else None


def measure_of(metric: str) -> str:
    """Return what a metric measures of one inversion attack: `mse` for `decoder_train_mse`; empty for other metrics."""
    attack = METRICS[metric].attack if metric in METRICS else ""
    measure = metric.removeprefix(f"{attack}_")
    return measure if attack and measure in INVERSION_MEASURES else ""


def strongest_attacks(cells: Sequence[MeasuredCell], threat: Threat) -> dict[str, str] | None:
    """Return cell -> label of its strongest attack, by the mean over targets of its score on selection records.

    None where some cell has no candidate: an attack with such a score, no control, and run alike on all cells.
    """
    candidates = {cell.cell: _candidates(cell, threat) for cell in cells}
    # the queries of an attack on membership are changed records, not transmissions of one image
    repeating = [cell.cell for cell in cells if cell.repeats and threat == "inversion"]
    alike = _alike(candidates, repeating)
    if not all(alike.values()):
        return None
    return {cell: _best(runs, threat) for cell, runs in alike.items()}


def under_strongest(group: ComparisonGroup, chosen: Mapping[str, str], threat: Threat) -> ComparisonGroup:
    """Return a group in which the chosen attacks stand in the place of every attack of the threat."""
    compared = {name: _replaced(one, chosen, threat) for name, one in group.cells.items()}
    curves = {
        name: tuple(_with_numbers(cell, chosen, threat) for cell in curve) for name, curve in group.curves.items()
    }
    return ComparisonGroup(group.place, compared, curves)


def _candidates(cell: MeasuredCell, threat: Threat) -> dict[str, AttackRun]:
    results = cell.attacks if threat == "membership" else cell.inversions
    runs = {label: result.run for label, result in results.items()}
    measure = _SELECTED_BY[threat]
    return {label: run for label, run in runs.items() if run.selection.get(measure) and not run.control}


def _alike(
    candidates: Mapping[str, Mapping[str, AttackRun]], repeating: Collection[str]
) -> dict[str, dict[str, AttackRun]]:
    """Return the candidates that all cells met: with one budget, or on those that repeat with any number of queries.

    Args:
        candidates: cell -> label -> run.
        repeating: cells that send the same for an image each time.

    """
    exact = {cell: runs for cell, runs in candidates.items() if cell not in repeating}
    budgets = _common({run.budget for run in runs.values()} for runs in exact.values())
    kinds = _common({run.budget_of_any_queries for run in runs.values()} for runs in candidates.values())
    if exact:
        kinds &= {
            run.budget_of_any_queries for runs in exact.values() for run in runs.values() if run.budget in budgets
        }
    return {
        cell: {
            label: run
            for label, run in runs.items()
            if run.budget_of_any_queries in kinds and (cell in repeating or run.budget in budgets)
        }
        for cell, runs in candidates.items()
    }


def _common(sets: Iterable[set[str]]) -> set[str]:
    """Return what is in all of the sets; nothing where there are none."""
    return set.intersection(*found) if (found := list(sets)) else set()


def _best(runs: Mapping[str, AttackRun], threat: Threat) -> str:
    """Return the label with the highest accuracy or the lowest error; of equal ones the first."""
    scores = {label: fmean(run.selection[_SELECTED_BY[threat]]) for label, run in runs.items()}
    return max(scores, key=lambda label: scores[label] if threat == "membership" else -scores[label])


def _replaced(one: ComparedCell, chosen: Mapping[str, str], threat: Threat) -> ComparedCell:
    attack = chosen.get(one.cell.cell, one.attack) if threat == "membership" else one.attack
    return replace(one, cell=_with_numbers(one.cell, chosen, threat), attack=attack)


def _with_numbers(cell: MeasuredCell, chosen: Mapping[str, str], threat: Threat) -> MeasuredCell:
    """Return a cell whose inversions all have the measures of the chosen one."""
    if threat == "membership" or cell.cell not in chosen:
        return cell
    label = chosen[cell.cell]
    measured = {
        metric: cell.numbers[f"{label}_{measure}"]
        for metric in cell.numbers
        if (measure := measure_of(metric)) and f"{label}_{measure}" in cell.numbers
    }
    return replace(cell, numbers={**cell.numbers, **measured})
