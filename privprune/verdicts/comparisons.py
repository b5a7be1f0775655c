"""One comparison of a claim: paired per seed, with a 95 % interval, held against its bound."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from privprune.published import Comparison
from privprune.verdicts.groups import Group
from privprune.verdicts.measured import BALANCED
from privprune.verdicts.statistics import Estimate, kendall, over_seeds

Finding = Literal["supported", "contradicted", "inconclusive", "not run"]
CHANCE = 50.0  # percent: the balanced accuracy of an attacker who guesses

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
    """Return the compared quantity for every seed that all its cells have, None where one of them is not there."""
    columns = [lookup(name, comparison.metric) for name in comparison.names]
    attacks = [lookup(name, "attack_accuracy") for name in comparison.of] if _ranks(comparison) else []
    found = [column for column in columns + attacks if column is not None]
    if len(found) < len(columns) + len(attacks):
        return None
    seeds = sorted(set.intersection(*(set(column) for column in found)))
    return {seed: _combined(comparison, [column[seed] for column in found]) for seed in seeds}


def _ranks(comparison: Comparison) -> bool:
    return comparison.measure == "rank_correlation"


def _combined(comparison: Comparison, values: list[float]) -> float:
    if _ranks(comparison):
        half = len(values) // 2
        return kendall(values[:half], values[half:])
    return values[0] if comparison.measure == "value" else values[0] - values[1]


def compare(comparison: Comparison, group: Group, printed: Lookup) -> ComparisonResult | None:
    """Make one comparison in one group, None where one of its cells was not run."""
    per_seed = quantity(comparison, group.lookup)
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


def _uses_attack(comparison: Comparison) -> bool:
    return comparison.metric == "attack_accuracy" or _ranks(comparison)


def _decide(comparison: Comparison, found: Estimate, group: Group) -> tuple[Finding, str]:
    """Decide by the interval, but not where the experiment could not have shown the claim."""
    if found.low is None or found.high is None:
        return "inconclusive", "one seed"
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
