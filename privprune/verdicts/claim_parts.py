"""A claim in one place: judged under the paper's own attack, and under the strongest attack of each cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from privprune.published import Comparison
from privprune.verdicts.comparison_groups import ComparisonGroup, ComparisonPlace
from privprune.verdicts.comparisons import ComparisonResult, Finding, Lookup, combined
from privprune.verdicts.fair_tests import tested, tested_under_strongest
from privprune.verdicts.strongest import measure_of, threat_in


@dataclass(frozen=True)
class ClaimPart:
    """A claim tested in one place; all its comparisons must satisfy their bounds.

    The headline is the finding under the paper's own attack, unless that is no fair test and the one under the
    strongest attack is.

    Attributes:
        place: where.
        finding: the headline.
        papers_attack: the finding under the attacks that the paper names; None where the claim compares no attack.
        strongest_attack: the finding under the strongest attack of each cell; `not run` where none could be chosen,
            None where the claim compares no attack.
        comparisons: under the paper's attacks.
        strongest: the comparisons under the strongest attacks; those without attack stand here again.

    """

    place: ComparisonPlace
    finding: Finding
    papers_attack: Finding | None
    strongest_attack: Finding | None
    comparisons: tuple[ComparisonResult, ...]
    strongest: tuple[ComparisonResult, ...]

    @property
    def deciding(self) -> tuple[ComparisonResult, ...]:
        """The comparisons under the attacks that the headline is made under."""
        return self.comparisons if self.papers_attack in (None, self.finding) or not self.strongest else self.strongest


def places_behind(found: Sequence[tuple[ComparisonPlace, Finding]], finding: Finding) -> list[ComparisonPlace]:
    """Return the places that a verdict rests on: all for `supported`, else those whose own finding is the verdict."""
    having = [place for place, own in found if own == finding]
    return [place for place, _ in found] if finding == "supported" or not having else having


def part_of(
    comparisons: Sequence[Comparison], group: ComparisonGroup, printed: Lookup, unequal_epochs: Mapping[str, str]
) -> ClaimPart | None:
    """Test the comparisons of one variant of a claim in one group; None where one of their cells was not run."""
    made = [tested(one, group, printed, unequal_epochs) for one in comparisons]
    results = tuple(result for result in made if result is not None)
    if len(results) < len(made):
        return None
    finding = combined([result.finding for result in results])
    if not any(threat_in(one) for one in comparisons):
        return ClaimPart(group.place, finding, None, None, results, ())
    strongest = _under_strongest(results, group, printed, unequal_epochs)
    under = combined([result.finding for result in strongest])
    unfair = finding == "not a fair test" and under not in ("not run", "not a fair test")
    return ClaimPart(group.place, under if unfair else finding, finding, under, results, strongest)


def _under_strongest(
    results: Sequence[ComparisonResult], group: ComparisonGroup, printed: Lookup, unequal_epochs: Mapping[str, str]
) -> tuple[ComparisonResult, ...]:
    """Return the comparisons under the strongest attacks; none where one of them has no attack to choose.

    Two comparisons that differ only in their attack become one.
    """
    found: dict[tuple[object, ...], ComparisonResult] = {}
    for result in results:
        comparison = result.comparison
        if threat_in(comparison) is None:
            found[comparison.metric, comparison.of, comparison.against, comparison.bound, comparison.holds] = result
            continue
        under = tested_under_strongest(comparison, group, printed, unequal_epochs)
        if under is None:
            return ()
        names = tuple(measure_of(name) or name for name in (comparison.metric, comparison.against or ""))
        found.setdefault((comparison.measure, comparison.of, names, comparison.bound, comparison.holds), under)
    return tuple(found.values())
