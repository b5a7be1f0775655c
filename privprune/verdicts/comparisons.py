"""One comparison of a claim: paired per seed, with a 95 % interval, held against its bound."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from privprune.published import Comparison
from privprune.verdicts.comparison_groups import Group
from privprune.verdicts.matched import UNMATCHED, at_matched_accuracy
from privprune.verdicts.measured_cells import BALANCED
from privprune.verdicts.statistics import Estimate, kendall, over_seeds

Finding = Literal["supported", "contradicted", "inconclusive", "not run"]
CHANCE = 50.0  # percent: the balanced accuracy of an attacker who guesses
_RANKED = 3  # cells at least: two are in the one order or the other, whatever is true

# (defence or control, metric) -> seed -> value, None where it is not there
Lookup = Callable[[str, str], Mapping[int, float] | None]


@dataclass(frozen=True)
class ComparisonResult:
    """One comparison in one place, in the metric's unit.

    Attributes:
        comparison: what was compared.
        attack: whose attack accuracy, where that is compared; else empty.
        published: the same quantity from the printed numbers; None where not printed.
        mean: mean over the paired seeds; None where no seed is common to all cells.
        low: lower end of its 95 % interval; None with fewer than two seeds.
        high: upper end.
        seeds: how many seeds are paired.
        finding: the verdict.
        reason: why, where the interval alone does not say it; else empty.

    """

    comparison: Comparison
    attack: str
    published: float | None
    mean: float | None
    low: float | None
    high: float | None
    seeds: int
    finding: Finding
    reason: str


def quantity(comparison: Comparison, lookup: Lookup) -> dict[int, float] | None:
    """Return the compared quantity for every seed that all its cells have, None where one of them is not there.

    A comparison with a curve is not for this: a lookup knows no curves.
    """
    if comparison.measure == "matched":
        return None
    metrics = (comparison.metric, comparison.against or "") if comparison.ranks else (comparison.metric,)
    columns = [lookup(name, metric) for metric in metrics for name in comparison.names]
    return _per_seed(comparison, columns)


def _per_seed(comparison: Comparison, columns: Sequence[Mapping[int, float] | None]) -> dict[int, float] | None:
    found = [column for column in columns if column is not None]
    if len(found) < len(columns) or (comparison.ranks and len(found) < 4):
        return None
    seeds = sorted(set.intersection(*(set(column) for column in found)))
    return {seed: _combined(comparison, [column[seed] for column in found]) for seed in seeds}


def _combined(comparison: Comparison, values: list[float]) -> float:
    if comparison.ranks:
        half = len(values) // 2
        return kendall(values[:half], values[half:])
    if comparison.measure == "value":
        return values[0]
    return values[0] / values[1] if comparison.measure == "ratio" else values[0] - values[1]


def _ranked(comparison: Comparison, group: Group) -> int:
    """Count the cells that a rank correlation orders."""
    return len(comparison.of) if len(comparison.of) > 1 else len(group.along(comparison.of[0]))


def _measured(comparison: Comparison, group: Group) -> dict[int, float] | None:
    """Return the quantity in one group; a rank correlation of one defence runs along its curve."""
    if comparison.ranks and len(comparison.of) == 1:
        along = group.along(comparison.of[0])
        metrics = (comparison.metric, comparison.against or "")
        return _per_seed(comparison, [cell.by_seed(metric, None) for metric in metrics for cell in along])
    return quantity(comparison, group.lookup)


def compare(comparison: Comparison, group: Group, printed: Lookup) -> ComparisonResult | None:
    """Make one comparison in one group, None where one of its cells was not run."""
    if comparison.measure == "matched":
        return _compare_matched(comparison, group)
    per_seed = _measured(comparison, group)
    if per_seed is None:
        return None
    in_print = quantity(comparison, printed)
    published = None if in_print is None else next(iter(in_print.values()))
    attack = (group.members[comparison.of[0]].attack or "") if _uses_attack(comparison) else ""
    if not per_seed:
        reason = "the cells have no seed in common"
        return ComparisonResult(comparison, attack, published, None, None, None, 0, "inconclusive", reason)
    found = over_seeds(tuple(per_seed.values()))
    finding, reason = _decide(comparison, found, group)
    return ComparisonResult(
        comparison, attack, published, found.mean, found.low, found.high, len(found.values), finding, reason
    )


def _compare_matched(comparison: Comparison, group: Group) -> ComparisonResult | None:
    """Hold a cell against a curve; a seed whose accuracy the curve does not reach leaves the whole undecided."""
    member = group.members.get(comparison.of[0])
    if member is None:
        return None
    pairs = at_matched_accuracy(member.cell, group.along(comparison.against or ""), comparison.metric)
    if pairs is None:
        return None
    known = [here - there for here, there in (pair for pair in pairs.values() if pair is not None)]
    if not known or len(known) < len(pairs):
        reason = f"{UNMATCHED} in {len(pairs) - len(known)} of {len(pairs)} seeds" if pairs else "no seed in common"
        return ComparisonResult(comparison, "", None, None, None, None, len(pairs), "inconclusive", reason)
    found = over_seeds(known)
    finding, reason = _decide(comparison, found, group)
    return ComparisonResult(comparison, "", None, found.mean, found.low, found.high, len(known), finding, reason)


def _uses_attack(comparison: Comparison) -> bool:
    return "attack_accuracy" in (comparison.metric, comparison.against)


def _decide(comparison: Comparison, found: Estimate, group: Group) -> tuple[Finding, str]:
    """Decide by the interval, but not where the experiment could not have shown the claim."""
    if found.low is None or found.high is None:
        return "inconclusive", "one seed"
    if comparison.ranks and (ranked := _ranked(comparison, group)) < _RANKED:
        return "inconclusive", f"only {ranked} cells to rank, at least {_RANKED} say something"
    if comparison.metric == "epochs_to_converge":
        epochs = group.members[comparison.of[0]].cell.epochs
        if epochs < comparison.bound:
            return "inconclusive", f"the run has only {epochs} epochs"
    finding = decide(comparison, found.low, found.high)
    if comparison.lowers_attack and found.low <= 0 and (reason := _nothing_to_lower(comparison, group, finding)):
        return "inconclusive", reason
    return finding, ""


def _nothing_to_lower(comparison: Comparison, group: Group, finding: Finding) -> str:
    """Say so where the attack to be lowered may be no better than guessing, so that the claim cannot show."""
    other = group.members[comparison.against or ""]
    attacked = other.cell.attacks[other.attack or ""].measures[BALANCED]
    sure = attacked.mean if finding == "supported" or attacked.low is None else attacked.low
    if sure + comparison.bound >= CHANCE:
        return ""
    return f"nothing to lower: {attacked.mean:.2f} % may be chance, {CHANCE:g} %"


def decide(comparison: Comparison, low: float, high: float) -> Finding:
    """Say on which side of the bound an interval lies: supported, contradicted, or inconclusive across it."""
    met = comparison.satisfied_by(low), comparison.satisfied_by(high)
    if all(met):
        return "supported"
    return "inconclusive" if any(met) else "contradicted"


def combined(findings: list[Finding]) -> Finding:
    """Return the verdict of a claim all of whose parts must hold: one contradicted part contradicts it."""
    if not findings:
        return "not run"
    if "contradicted" in findings:
        return "contradicted"
    return "supported" if all(finding == "supported" for finding in findings) else "inconclusive"
