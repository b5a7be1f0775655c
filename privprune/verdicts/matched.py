"""Compare a cell with the curve of another defence at the same test accuracy.

The reconstruction error of an attack can be raised by giving up accuracy, so two cells of different accuracy say
little about their defences. Here the other defence was run at several strengths (its curve), and its metric is
interpolated at the accuracy of the cell, seed by seed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from privprune.published import Paper
from privprune.verdicts.comparison_groups import ComparisonGroup, ComparisonPlace
from privprune.verdicts.measured_cells import MeasuredCell
from privprune.verdicts.statistics import Estimate, estimate_over_seeds

AXIS = "utility"  # test accuracy, or mean average precision of a re-identification network
UNMATCHED = "no matched accuracy"


@dataclass(frozen=True)
class Matched:
    """A cell compared with a curve at the accuracy of the cell.

    Attributes:
        place: the data and networks that were compared.
        of: the cell's defence.
        against: the curve's defence.
        cell: the cell.
        metric: the metric that is compared.
        accuracy: the cell's test accuracy, percent.
        here: the cell's metric.
        curve: the curve's metric at that accuracy; None where the accuracy of a seed lies beyond the curve's ends.
        difference: cell minus curve, paired over seeds; None where `curve` is.
        seeds: how many seeds are paired.
        unmatched: how many seeds have an accuracy that the curve does not reach.

    """

    place: ComparisonPlace
    of: str
    against: str
    cell: str
    metric: str
    accuracy: Estimate
    here: Estimate
    curve: Estimate | None
    difference: Estimate | None
    seeds: int
    unmatched: int


def interpolated(points: Iterable[tuple[float, float]], at: float) -> float | None:
    """Interpolate a curve of (accuracy, metric) linearly between neighbours in accuracy; None beyond the ends.

    Points of the same accuracy count with the mean of their metric.
    """
    by_accuracy: dict[float, list[float]] = {}
    for accuracy, value in points:
        by_accuracy.setdefault(accuracy, []).append(value)
    curve = sorted((accuracy, sum(values) / len(values)) for accuracy, values in by_accuracy.items())
    for accuracy, value in curve:
        if accuracy == at:
            return value
    for (low, first), (high, last) in pairwise(curve):
        if low < at < high:
            return first + (last - first) * (at - low) / (high - low)
    return None


def at_matched_accuracy(
    cell: MeasuredCell, curve: Sequence[MeasuredCell], metric: str
) -> dict[int, tuple[float, float] | None] | None:
    """Return (the cell's metric, the curve's at the cell's accuracy) for every seed that all of them have.

    The value of a seed is None where its accuracy lies beyond the curve's ends: nothing is extrapolated. The result is
    None where the metric was not measured on the cell, or was measured on fewer than two cells of the curve. The cell
    itself is left out of the curve.
    """
    along = [one for one in curve if one.cell != cell.cell and one.by_seed(metric, None) is not None]
    accuracy, here = cell.by_seed(AXIS, None), cell.by_seed(metric, None)
    if accuracy is None or here is None or len(along) < 2:
        return None
    axes = [one.by_seed(AXIS, None) or {} for one in along]
    values = [one.by_seed(metric, None) or {} for one in along]
    seeds = sorted(set(accuracy) & set(here))
    pairs: dict[int, tuple[float, float] | None] = {}
    for seed in seeds:
        if all(seed in one for one in (*axes, *values)):
            points = [(axis[seed], value[seed]) for axis, value in zip(axes, values, strict=True)]
            there = interpolated(points, accuracy[seed])
            pairs[seed] = None if there is None else (here[seed], there)
    return pairs


def matched_pairs(paper: Paper) -> tuple[tuple[str, str], ...]:
    """Return (defence, defence of the curve) for every comparison at the same accuracy that the claims make."""
    comparisons = [one for claim in paper.claims for variant in claim.variants for one in variant]
    pairs = [(one.of[0], one.against or "") for one in comparisons if one.measure == "matched"]
    return tuple(dict.fromkeys(pairs))


def all_matched(paper: Paper, groups: Sequence[ComparisonGroup], metrics: Sequence[str]) -> tuple[Matched, ...]:
    """Compare, for each claimed pair, every cell of the first defence with the curve of the second, per metric."""
    return tuple(
        matched
        for group in groups
        for of, against in matched_pairs(paper)
        for cell in group.along(of)
        for metric in metrics
        if (matched := _matched(group, (of, against), cell, metric)) is not None
    )


def _matched(group: ComparisonGroup, names: tuple[str, str], cell: MeasuredCell, metric: str) -> Matched | None:
    pairs = at_matched_accuracy(cell, group.along(names[1]), metric)
    if not pairs:
        return None
    known = [pair for pair in pairs.values() if pair is not None]
    whole = len(known) == len(pairs)
    accuracy: Mapping[int, float] = cell.by_seed(AXIS, None) or {}
    here: Mapping[int, float] = cell.by_seed(metric, None) or {}
    return Matched(
        place=group.place,
        of=names[0],
        against=names[1],
        cell=cell.cell,
        metric=metric,
        accuracy=estimate_over_seeds([accuracy[seed] for seed in pairs]),
        here=estimate_over_seeds([here[seed] for seed in pairs]),
        curve=estimate_over_seeds([there for _, there in known]) if whole else None,
        difference=estimate_over_seeds([value - there for value, there in known]) if whole else None,
        seeds=len(pairs),
        unmatched=len(pairs) - len(known),
    )
