"""A comparison with the checks that it rests on: without a finding where one fails, and with words on what is open."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from privprune.published import METRICS, OF_THE_NETWORK, Comparison
from privprune.verdicts.basis import attacks_behind, basis
from privprune.verdicts.checks import attacked_alike, chosen_recorded, could_show_printed_effect, equal_epochs, failures
from privprune.verdicts.checks.recorded import COMPARISON, CheckOf
from privprune.verdicts.comparison_groups import ComparisonGroup
from privprune.verdicts.comparisons import ComparisonResult, Lookup, compare
from privprune.verdicts.measured_cells import MeasuredCell
from privprune.verdicts.seeds_needed import words_on_seeds
from privprune.verdicts.strongest import strongest_attacks, threat_in, under_strongest

VERSUS = " vs "  # between the strongest attacks of two cells
_BETWEEN = ("difference", "ratio", "matched")  # measures that set a cell against others


@dataclass(frozen=True)
class _Side:
    """One cell of a comparison: the defence or control it stands for, and the membership attack of its row."""

    name: str
    cell: MeasuredCell
    attack: str | None


def tested(
    comparison: Comparison, group: ComparisonGroup, printed: Lookup, unequal_epochs: Mapping[str, str]
) -> ComparisonResult | None:
    """Make a comparison under the attack that it names, with its checks; None where one of its cells was not run.

    Args:
        comparison: what is compared.
        group: the cells of one place.
        printed: the paper's numbers.
        unequal_epochs: defences and controls whose epochs may differ from what they are compared with.

    """
    result = compare(comparison, group, printed)
    if result is None:
        return None
    sides = _sides(comparison, group)
    behind = {side.cell.cell: _attacks(comparison, side) for side in sides}
    checks = [*_basis(comparison, sides, behind), *_epochs(comparison, sides, unequal_epochs)]
    if len(sides) > 1:
        for attacks in zip(*behind.values(), strict=False):  # one attack of every cell at a time
            runs = [(side.cell, attack) for side, attack in zip(sides, attacks, strict=True)]
            checks.append(CheckOf("", COMPARISON, attacked_alike(runs)))
    return _judged(result, checks)


def tested_under_strongest(
    comparison: Comparison, group: ComparisonGroup, printed: Lookup, unequal_epochs: Mapping[str, str]
) -> ComparisonResult | None:
    """Make a comparison under the strongest attack of each cell; None where none was chosen, or a cell was not run."""
    threat, sides = threat_in(comparison), _sides(comparison, group)
    chosen = strongest_attacks([side.cell for side in sides], threat) if threat and sides else None
    if threat is None or chosen is None:
        return None
    result = compare(comparison, under_strongest(group, chosen, threat), printed)
    if result is None:
        return None
    behind = {cell: (label,) for cell, label in chosen.items()}
    runs = [(side.cell, chosen[side.cell.cell]) for side in sides]
    checks = [*_basis(comparison, sides, behind), *_epochs(comparison, sides, unequal_epochs)]
    if len(sides) > 1:
        checks.append(CheckOf("", COMPARISON, chosen_recorded(runs)))
    labels = [label for _, label in runs]
    met = tuple((cell.cell, label) for cell, label in runs) if len(set(labels)) > 1 else ()
    return replace(_judged(result, checks), attack=_named(labels), strongest=True, strongest_on=met)


def _named(labels: Sequence[str]) -> str:
    """Return the strongest attacks of the cells, in their order; only one where all are the same."""
    if len(set(labels)) == 1:
        return labels[0]
    return VERSUS.join(labels) if len(labels) == 2 else ", ".join(labels)


def _sides(comparison: Comparison, group: ComparisonGroup) -> list[_Side]:
    """Return the cells of a comparison, each once, that of the defence first and those it is set against after it."""
    if comparison.measure == "matched":
        along = [(comparison.against or "", cell) for cell in group.along(comparison.against or "")]
        named = [(comparison.of[0], group.cells[comparison.of[0]].cell), *along]
    elif comparison.ranks and len(comparison.of) == 1:
        named = [(comparison.of[0], cell) for cell in group.along(comparison.of[0])]
    else:
        named = [(name, group.cells[name].cell) for name in comparison.names if name in group.cells]
    once = {cell.cell: _Side(name, cell, _attack(name, cell, group)) for name, cell in reversed(named)}
    return list(reversed(once.values()))


def _attack(name: str, cell: MeasuredCell, group: ComparisonGroup) -> str | None:
    """Return the attack of a role of a cell, which may have roles with other attacks; on a curve, of its first one."""
    roles = [one for one in (group.cells.get(name), *group.cells.values()) if one and one.cell.cell == cell.cell]
    return roles[0].attack if roles else None


def _metrics(comparison: Comparison) -> tuple[str, ...]:
    """Return the metrics of a comparison: two for a rank correlation."""
    return (comparison.metric, comparison.against or "") if comparison.ranks else (comparison.metric,)


def _attacks(comparison: Comparison, side: _Side) -> tuple[str, ...]:
    found = [one for metric in _metrics(comparison) for one in attacks_behind(metric, side.cell, side.attack)]
    return tuple(dict.fromkeys(found))


def _basis(
    comparison: Comparison, sides: Sequence[_Side], behind: Mapping[str, tuple[str, ...]]
) -> tuple[CheckOf, ...]:
    found = [
        one
        for side in sides
        for metric in _metrics(comparison)
        for one in basis(metric, side.cell, behind[side.cell.cell])
    ]
    return tuple(dict.fromkeys(found))


def _epochs(comparison: Comparison, sides: Sequence[_Side], unequal: Mapping[str, str]) -> list[CheckOf]:
    """Return the check of equal epochs of a comparison between cells, without those that may differ."""
    if comparison.measure not in _BETWEEN or METRICS[comparison.metric].unit in OF_THE_NETWORK:
        return []
    first, *others = sides
    counted = [] if first.name in unequal else [side.cell for side in others if side.name not in unequal]
    return [CheckOf("", COMPARISON, equal_epochs(first.cell, counted))] if counted else []


def _judged(result: ComparisonResult, checks: Sequence[CheckOf]) -> ComparisonResult:
    """Return a result with its checks; no finding stands beside a failed one, and an open one says what is missing."""
    failed = failures(checks)
    checked = replace(result, checks=tuple(checks))
    if failed:
        return replace(checked, finding="not a fair test", reason=failed[0].failure)
    wide = result.finding == "inconclusive" and (not result.reason or result.comparison.measure == "matched")
    return _open(checked) if wide else checked


def _open(result: ComparisonResult) -> ComparisonResult:
    """Return an inconclusive result with its reason, or that it excludes the printed effect."""
    mean, low, high, bound = result.mean, result.low, result.high, result.comparison.bound
    if mean is None or low is None or high is None:
        return result
    blunt = ""
    if result.published is not None:
        sharp = could_show_printed_effect(low, high, result.published, bound)
        if sharp.passed and not low <= result.published <= high:
            excluded = f"the interval includes the bound and leaves out the printed {result.published:.4g}"
            return replace(result, finding="printed effect excluded", reason=excluded, sharpness=sharp)
        result = replace(result, sharpness=sharp)
        blunt = "" if sharp.passed else f"too wide for the printed effect of {sharp.bound:.3g}"
    ratio = result.comparison.measure == "ratio" and min(*result.values, low, bound) > 0
    scaled = math.log if ratio else float  # as the interval is made
    values = [scaled(value) for value in result.values]
    seeds = words_on_seeds(values, scaled(low), scaled(high), scaled(bound), holds=result.comparison.satisfied_by(mean))
    words = (result.reason, blunt, seeds)
    return replace(result, reason="; ".join(word for word in words if word))
