"""Compare a cell with the curve of another defence at the same test accuracy.

The reconstruction error of an attack can be raised by giving up accuracy, so two cells of different accuracy say
little about their defences. Here the other defence was run at several strengths (its curve), and its error is
interpolated at the accuracy of the cell, seed by seed, along the curve's Pareto front: a strength that is beaten in
accuracy and in error by another one is no choice that anybody would compare with.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from privprune.published import METRICS, Paper
from privprune.verdicts.comparison_groups import ComparisonGroup, ComparisonPlace
from privprune.verdicts.measured_cells import MeasuredCell
from privprune.verdicts.record_metrics import limits_of
from privprune.verdicts.statistics import Estimate, SeedValues, combine, estimate_of, of_seeds

AXIS = "utility"  # test accuracy, or mean average precision of a re-identification network
UNMATCHED = "outside the range of the curve's Pareto front"
FEWEST = 2  # seeds that decide: one has no interval
Place = Literal["along", "dominates", "dominated"]


@dataclass(frozen=True)
class Matched:
    """A cell compared with a curve at the accuracy of the cell.

    Attributes:
        place: the data and networks that were compared.
        of: the cell's defence.
        against: the curve's defence.
        cell: the cell.
        metric: the metric that is compared.
        accuracy: the cell's test accuracy, percent, over the seeds that are compared; over all where there are none.
        here: the cell's metric, over the same seeds.
        curve: the curve's metric at that accuracy, over the seeds that are compared; None where there are none.
        difference: cell minus curve, paired over seeds; None where `curve` is.
        seeds: how many seeds the cell and the curve have in common.
        unmatched: how many of them are left out, since the curve does not reach their accuracy and not all of those
            beyond its ends are better in both or worse in both.
        dominates: in how many the cell is better in both than the nearest end of the curve's front.
        dominated: in how many it is worse in both.

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
    dominates: int
    dominated: int

    def note(self) -> str:
        """Say which seeds are left out, and which lie beyond the curve; empty for none."""
        return note(self.seeds, self.unmatched, self.dominates, self.dominated)


def pareto_front(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points (accuracy, error) that no other point reaches in both, by rising accuracy and falling error."""
    front: list[tuple[float, float]] = []
    for accuracy, error in sorted(points, reverse=True):
        if not front or error > front[-1][1]:
            front.append((accuracy, error))
    return front[::-1]


def matched_error(
    points: Iterable[tuple[float, float]], accuracy: float, error: float
) -> tuple[float, Place] | tuple[None, None]:
    """Return the error of a curve at the accuracy of a cell, and how it was found.

    Between two points of the front it is interpolated linearly (`along`). Beyond an end nothing is extrapolated, but
    the front falls: a cell that is more accurate than the whole front and has a larger error than its most accurate
    point `dominates`, and gains at least the difference to this point; one that is less accurate than the whole front
    and has a smaller error than its least accurate point is `dominated`, and loses at least that difference. Both
    count with that difference, which is the smallest that it can be. Else there is no error to compare with.

    Args:
        points: (accuracy, error) of the curve, one or more.
        accuracy: of the cell.
        error: of the cell, larger is better.

    """
    front = pareto_front(points)
    for reached, value in front:
        if reached == accuracy:
            return value, "along"
    for (low, first), (high, last) in pairwise(front):
        if low < accuracy < high:
            return first + (last - first) * (accuracy - low) / (high - low), "along"
    if accuracy > front[-1][0] and error > front[-1][1]:
        return front[-1][1], "dominates"
    if accuracy < front[0][0] and error < front[0][1]:
        return front[0][1], "dominated"
    return None, None


@dataclass(frozen=True)
class SeedMatches:
    """A cell beside a curve, seed by seed.

    Attributes:
        places: how each seed that all have in common was matched; None for a seed that the curve does not reach.
        curve: the curve's metric for the seeds that were matched.
        difference: cell minus curve.

    """

    places: dict[int, Place | None]
    curve: SeedValues
    difference: SeedValues

    def counts(self) -> tuple[int, int, int, int]:
        """Return the numbers of seeds in common, that the curve does not reach, that dominate, and are dominated."""
        places = list(self.places.values())
        return len(places), places.count(None), places.count("dominates"), places.count("dominated")


def note(seeds: int, unmatched: int, dominates: int, dominated: int) -> str:
    """Say which seeds are left out, and which lie beyond the curve; empty for none."""
    counts = {
        UNMATCHED: unmatched,
        "better in both than the curve's end": dominates,
        "worse in both than the curve's end": dominated,
    }
    return "; ".join(f"{what} in {count} of {seeds} seeds" for what, count in counts.items() if count)


def at_matched_accuracy(cell: MeasuredCell, curve: Sequence[MeasuredCell], metric: str) -> SeedMatches | None:
    """Compare a cell with a curve at its own accuracy, for every seed that all of them have.

    Seeds beyond the ends of the curve count only if all of them do: one that trades accuracy for error there would be
    left out because of its result, and those that are left would say more than the cell does.

    None where the metric was not measured on the cell, or was measured on fewer than two cells of the curve. The cell
    itself is left out of the curve.
    """
    along = [one for one in curve if one.cell != cell.cell and one.by_seed(metric, None) is not None]
    accuracy, here = cell.by_seed(AXIS, None), cell.by_seed(metric, None)
    if accuracy is None or here is None or len(along) < 2:
        return None
    curves = [one.by_seed(name, None) or SeedValues({}) for name in (AXIS, metric) for one in along]
    columns = [accuracy, here, *curves]
    sign = _direction(metric)

    def found(row: Sequence[float]) -> tuple[float, Place] | tuple[None, None]:
        """Match one seed; a row is utility and metric of the cell, then utilities and metrics of the curve's cells."""
        (own, error), reached, errors = row[:2], row[2:][: len(along)], row[2:][len(along) :]
        points = [(one, sign * other) for one, other in zip(reached, errors, strict=False)]  # `kept` may follow
        there, place = matched_error(points, own, sign * error)
        return (None, None) if there is None or place is None else (sign * there, place)

    def difference(row: Sequence[float]) -> float | None:
        there, _ = found(row)
        return None if there is None else row[1] - there

    common = set.intersection(*(set(column) for column in columns))
    places = {seed: found([column[seed] for column in columns])[1] for seed in sorted(common)}
    if None in places.values():
        places = {seed: place if place == "along" else None for seed, place in places.items()}
    kept = dict.fromkeys((seed for seed, place in places.items() if place), 0.0)  # a column that leaves out the others
    there = combine([*columns, kept], lambda row: found(row)[0])
    return SeedMatches(places, there, combine([*columns, kept], difference))


def _direction(metric: str) -> int:
    """Return 1 for a metric of which more means more privacy, such as an error, and -1 for one of which less does."""
    unit = METRICS[metric].unit if metric in METRICS else ""
    return -1 if metric == "attack_accuracy" or unit in ("ssim", "dB") else 1


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
    matches = at_matched_accuracy(cell, group.along(names[1]), metric)
    accuracy, here = cell.by_seed(AXIS, None), cell.by_seed(metric, None)
    if matches is None or not matches.places or accuracy is None or here is None:
        return None
    known, (seeds, unmatched, dominates, dominated) = bool(matches.difference), matches.counts()
    return Matched(
        place=group.place,
        of=names[0],
        against=names[1],
        cell=cell.cell,
        metric=metric,
        accuracy=estimate_of(of_seeds(accuracy, matches.difference or matches.places), limits_of(AXIS)),
        here=estimate_of(of_seeds(here, matches.difference or matches.places), limits_of(metric)),
        curve=estimate_of(matches.curve, limits_of(metric)) if known else None,
        difference=estimate_of(matches.difference) if known else None,
        seeds=seeds,
        unmatched=unmatched,
        dominates=dominates,
        dominated=dominated,
    )
