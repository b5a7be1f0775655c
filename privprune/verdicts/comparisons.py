"""One comparison of a claim: paired per seed, with a 95 % interval, and compared with its bound."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from privprune.checks import Check
from privprune.published import Comparison
from privprune.verdicts.checks.recorded import CheckOf
from privprune.verdicts.comparison_groups import ComparisonGroup
from privprune.verdicts.matched import FEWEST, at_matched_accuracy, note
from privprune.verdicts.measured_cells import BALANCED
from privprune.verdicts.record_metrics import limits_of
from privprune.verdicts.statistics import Estimate, Limits, SeedValues, combine, estimate_of, kendall, kendall_limits

Finding = Literal["supported", "contradicted", "printed effect excluded", "inconclusive", "not a fair test", "not run"]
FINDINGS: tuple[Finding, ...] = (
    *("supported", "contradicted", "printed effect excluded", "inconclusive", "not a fair test", "not run"),
)
CHANCE = 50.0  # percent: the balanced accuracy of guessing
_RANKED = 3  # least number of cells to rank: with two, each order is likely by chance

# (defence or control, metric) -> seed -> value, None where it was not measured
Lookup = Callable[[str, str], Mapping[int, float] | None]


@dataclass(frozen=True)
class ComparisonResult:
    """One comparison in one place, in the metric's unit.

    Attributes:
        comparison: what was compared.
        attack: the attack, where attack accuracies are compared; else empty. Under the strongest attacks those of all
            cells, in their order, or the one that all have.
        published: the same quantity from the printed numbers; None where not printed.
        mean: mean over the paired seeds; None where no seed is common to all cells.
        low: lower end of its 95 % interval; None with fewer than two seeds.
        high: upper end.
        seeds: how many seeds are paired.
        finding: the verdict.
        reason: why, where the interval alone does not explain the verdict; else empty.
        basis: what the interval rests on, see `statistics.Estimate`; empty without one.
        values: one per paired seed.
        strongest: whether each cell met its strongest attack in place of the one that the comparison names.
        checks: all that the finding rests on, passed and failed.
        sharpness: whether the interval is narrow enough to show the printed effect; None where nothing is printed or
            the interval decides without it.
        strongest_on: each cell with its strongest attack, in the order of `attack`; empty where all met the same.

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
    basis: str = ""
    values: tuple[float, ...] = ()
    strongest: bool = False
    checks: tuple[CheckOf, ...] = ()
    sharpness: Check | None = None
    strongest_on: tuple[tuple[str, str], ...] = ()


def quantity(comparison: Comparison, lookup: Lookup) -> SeedValues | None:
    """Return the compared quantity for every seed that all its cells have, None where one of them was not measured.

    None for a comparison with a curve too, since a lookup contains no curves.
    """
    if comparison.measure == "matched":
        return None
    metrics = (comparison.metric, comparison.against or "") if comparison.ranks else (comparison.metric,)
    columns = [lookup(name, metric) for metric in metrics for name in comparison.names]
    return _per_seed(comparison, columns)


def _per_seed(comparison: Comparison, columns: Sequence[Mapping[int, float] | None]) -> SeedValues | None:
    known = [column for column in columns if column is not None]
    if len(known) < len(columns) or (comparison.ranks and len(known) < 4):
        return None
    return combine(known, lambda row: _combined(comparison, row), smooth=not comparison.ranks)


def _combined(comparison: Comparison, values: Sequence[float]) -> float | None:
    """Return the quantity for one seed; None for a ratio to nothing."""
    if comparison.ranks:
        half = len(values) // 2
        return kendall(values[:half], values[half:])
    if comparison.measure == "value":
        return values[0]
    if comparison.measure == "ratio":
        return values[0] / values[1] if values[1] else None
    return values[0] - values[1]


def _ranked(comparison: Comparison, group: ComparisonGroup) -> int:
    """Count the cells that a rank correlation orders."""
    return len(comparison.of) if len(comparison.of) > 1 else len(group.along(comparison.of[0]))


def _limits(comparison: Comparison, group: ComparisonGroup) -> Limits:
    """Return what the compared quantity can be."""
    if comparison.ranks:
        return kendall_limits(_ranked(comparison, group))
    limits = limits_of(comparison.metric)
    if comparison.measure == "value":
        return limits
    if comparison.measure == "ratio":
        return Limits(positive=True, exact=limits.exact)
    span = limits.highest - limits.lowest
    return Limits(-span, span, step=limits.step, exact=limits.exact)


def _measured(comparison: Comparison, group: ComparisonGroup) -> SeedValues | None:
    """Return the quantity in one group; a rank correlation of one defence runs along its curve."""
    if comparison.ranks and len(comparison.of) == 1:
        along = group.along(comparison.of[0])
        metrics = (comparison.metric, comparison.against or "")
        return _per_seed(comparison, [cell.by_seed(metric, None) for metric in metrics for cell in along])
    return quantity(comparison, group.lookup)


def compare(comparison: Comparison, group: ComparisonGroup, printed: Lookup) -> ComparisonResult | None:
    """Make one comparison in one group, None where one of its cells was not run."""
    if comparison.measure == "matched":
        return _compare_matched(comparison, group)
    per_seed = _measured(comparison, group)
    if per_seed is None:
        return None
    in_print = quantity(comparison, printed)
    published = None if in_print is None else next(iter(in_print.values()))
    attack = (group.cells[comparison.of[0]].attack or "") if _uses_attack(comparison) else ""
    if not per_seed:
        reason = "the cells have no seed in common"
        return ComparisonResult(comparison, attack, published, None, None, None, 0, "inconclusive", reason)
    estimate = estimate_of(per_seed, _limits(comparison, group))
    finding, reason = _decide(comparison, estimate, group)
    ends = estimate.mean, estimate.low, estimate.high
    return ComparisonResult(
        comparison,
        attack,
        published,
        *ends,
        len(estimate.values),
        finding,
        reason,
        estimate.basis,
        estimate.values,
    )


def _compare_matched(comparison: Comparison, group: ComparisonGroup) -> ComparisonResult | None:
    """Compare a cell with a curve; inconclusive if the curve reaches the accuracy of fewer than two seeds."""
    compared = group.cells.get(comparison.of[0])
    if compared is None:
        return None
    matches = at_matched_accuracy(compared.cell, group.along(comparison.against or ""), comparison.metric)
    if matches is None:
        return None
    beyond = note(*matches.counts())
    if len(matches.difference) < min(FEWEST, len(matches.places)) or not matches.places:
        reason = beyond or "no seed in common"
        return ComparisonResult(comparison, "", None, None, None, None, len(matches.places), "inconclusive", reason)
    estimate = estimate_of(matches.difference, _limits(comparison, group))
    finding, reason = _decide(comparison, estimate, group)
    reason = "; ".join(part for part in (reason, beyond) if part)
    ends = estimate.mean, estimate.low, estimate.high
    return ComparisonResult(
        comparison, "", None, *ends, len(estimate.values), finding, reason, estimate.basis, estimate.values
    )


def _uses_attack(comparison: Comparison) -> bool:
    return "attack_accuracy" in (comparison.metric, comparison.against)


def _decide(comparison: Comparison, estimate: Estimate, group: ComparisonGroup) -> tuple[Finding, str]:
    """Decide by the interval; inconclusive where the experiment could not have supported the claim."""
    if estimate.low is None or estimate.high is None:
        return "inconclusive", "one seed" if len(estimate.values) < 2 else "no spread between seeds"
    if comparison.ranks and (ranked := _ranked(comparison, group)) < _RANKED:
        return "inconclusive", f"only {ranked} cells to rank, at least {_RANKED} say something"
    if comparison.metric == "epochs_to_converge":
        epochs = group.cells[comparison.of[0]].cell.numbers["last_phase_epochs"].mean
        if epochs < comparison.bound:
            return "inconclusive", f"the run has only {epochs:g} epochs"
    finding = decide(comparison, estimate.low, estimate.high)
    if comparison.lowers_attack and estimate.low <= 0 and (reason := _nothing_to_lower(comparison, group, finding)):
        return "inconclusive", reason
    return finding, ""


def _nothing_to_lower(comparison: Comparison, group: ComparisonGroup, finding: Finding) -> str:
    """Return why a lower attack accuracy cannot be observed: the attack may be no better than guessing; else empty."""
    other = group.cells[comparison.against or ""]
    attacked = other.cell.attacks[other.attack or ""].measures[BALANCED]
    sure = attacked.mean if finding == "supported" or attacked.low is None else attacked.low
    if sure + comparison.bound >= CHANCE:
        return ""
    return f"nothing to lower: {attacked.mean:.2f} % may be chance, {CHANCE:g} %"


def decide(comparison: Comparison, low: float, high: float) -> Finding:
    """Return `supported` or `contradicted` for an interval on one side of the bound, `inconclusive` across it."""
    met = comparison.satisfied_by(low), comparison.satisfied_by(high)
    if all(met):
        return "supported"
    return "inconclusive" if any(met) else "contradicted"


def combined(findings: Sequence[Finding]) -> Finding:
    """Return the verdict of a claim from those of its parts, all of which must hold.

    A finding against the claim counts wherever a fair test made it: contradicted if one part is, and else, if not all
    are supported, `printed effect excluded` if one part is. What is left is open: `not a fair test` if one part is, as
    more seeds cannot help there, else `inconclusive`.
    """
    if not findings:
        return "not run"
    if all(finding == "supported" for finding in findings):
        return "supported"
    ordered: tuple[Finding, ...] = ("contradicted", "printed effect excluded", "not a fair test")
    return next((finding for finding in ordered if finding in findings), "inconclusive")
