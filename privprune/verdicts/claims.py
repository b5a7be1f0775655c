"""A verdict per claim of the paper, under its own attack and the strongest; and whether its own tables satisfy it."""

from collections.abc import Sequence
from dataclasses import dataclass

from privprune.published import DERIVED, Claim, Comparison, Paper
from privprune.verdicts.claim_parts import ClaimPart, part_of
from privprune.verdicts.comparison_groups import ComparisonGroup, ComparisonPlace
from privprune.verdicts.comparisons import Finding, Lookup, combined, quantity
from privprune.verdicts.statistics import combine, estimate_of
from privprune.verdicts.strongest import threat_in

ATTACK_MEASURES = ("balanced_accuracy", "auc", "tpr_at_1_percent_fpr", "tpr_at_0.1_percent_fpr")


@dataclass(frozen=True)
class AttackDifference:
    """How much one attack's measure differs between two cells, paired over seeds.

    Attributes:
        place: the data and networks that were compared.
        of: the defence.
        against: the defence or control that is subtracted.
        attack: the attack, the same on both cells.
        measure: the attack's measure; percent points, but for the AUC.
        mean: mean difference.
        low: lower end of its 95 % interval; None with one seed.
        high: upper end.
        seeds: how many seeds are paired.
        basis: what the interval rests on, see `statistics.Estimate`.

    """

    place: ComparisonPlace
    of: str
    against: str
    attack: str
    measure: str
    mean: float
    low: float | None
    high: float | None
    seeds: int
    basis: str


@dataclass(frozen=True)
class ClaimResult:
    """A claim's verdict: the parts behind it, and whether the paper's printed numbers satisfy it.

    Attributes:
        name: the claim's short name.
        sentence: the paper's words.
        section: the section of the paper that contains them.
        tested: the statement that was tested.
        by: `paper` or `referee`.
        note: how to read the verdict; empty for none.
        unequal_epochs: defences and controls whose epochs may differ from what they are compared with, and why.
        finding: the headline, of all parts together, see `combined`; `not run` if there is none.
        papers_attack: the same under the attacks that the paper names; None if the claim compares no attack.
        strongest_attack: the same under the strongest attack of each cell; `not run` where none could be chosen.
        parts: one per place where all its cells were run; one per place and defence if the claim is about each defence.
        printed_held: number of printed places whose numbers satisfy the claim.
        printed_places: number of printed places whose numbers decide the claim.
        every_attack: the first comparison under every attack, if the claim asks for it.

    """

    name: str
    sentence: str
    section: str
    tested: str
    by: str
    note: str
    unequal_epochs: dict[str, str]
    finding: Finding
    papers_attack: Finding | None
    strongest_attack: Finding | None
    parts: tuple[ClaimPart, ...]
    printed_held: int
    printed_places: int
    every_attack: tuple[AttackDifference, ...]


def judge_claims(paper: Paper, groups: Sequence[ComparisonGroup]) -> tuple[ClaimResult, ...]:
    """Test every claim in every group that has the cells for it."""
    return tuple(_judge(claim, paper, groups) for claim in paper.claims)


def _judge(claim: Claim, paper: Paper, groups: Sequence[ComparisonGroup]) -> ClaimResult:
    concerned = [group for group in groups if claim.concerns(group.place.dataset)]
    epochs = claim.unequal_epochs
    parts = tuple(
        part
        for group in concerned
        for variant in claim.variants
        if (part := part_of(variant, group, printed_lookup(paper, group.place.dataset, group.place.model), epochs))
    )
    printed = [
        satisfied
        for dataset, model in paper.places
        if claim.concerns(dataset)
        for variant in claim.variants
        if (satisfied := _satisfied_in_print(variant, printed_lookup(paper, dataset, model))) is not None
    ]
    return ClaimResult(
        name=claim.name,
        sentence=claim.sentence,
        section=claim.section,
        tested=claim.tested,
        by=claim.by,
        note=claim.note,
        unequal_epochs=epochs,
        finding=combined([part.finding for part in parts]),
        papers_attack=_together(claim, [part.papers_attack for part in parts]),
        strongest_attack=_together(claim, [part.strongest_attack for part in parts]),
        parts=parts,
        printed_held=sum(printed),
        printed_places=len(printed),
        every_attack=tuple(one for group in concerned for one in _differences(claim, group)),
    )


def _together(claim: Claim, findings: Sequence[Finding | None]) -> Finding | None:
    """Return the finding under one attacker, of the parts that have one; None for a claim that compares no attack."""
    if not any(threat_in(one) for one in claim.comparisons):
        return None
    return combined([finding for finding in findings if finding is not None and finding != "not run"])


def printed_lookup(paper: Paper, dataset: str, model: str) -> Lookup:
    """Return a lookup of the paper's printed numbers as values of a single seed, 0; the first print counts."""

    def lookup(name: str, metric: str) -> dict[int, float] | None:
        if derived := DERIVED.get(metric):
            of, against = lookup(name, derived.of), lookup(name, derived.against)
            found = None if of is None or against is None else derived.value(of[0], against[0])
            return None if found is None else {0: found}
        value = paper.first_prints.get((dataset, model, name, metric))
        return None if value is None else {0: value}

    return lookup


def _satisfied_in_print(comparisons: Sequence[Comparison], lookup: Lookup) -> bool | None:
    """Whether the printed numbers of one place satisfy the comparisons, None where one is not printed."""
    quantities = [(comparison, quantity(comparison, lookup)) for comparison in comparisons]
    known = [comparison.satisfied_by(values[0]) for comparison, values in quantities if values is not None]
    return all(known) if len(known) == len(quantities) else None


def _differences(claim: Claim, group: ComparisonGroup) -> list[AttackDifference]:
    """Repeat the claim's first comparison under every attack that was run on both cells."""
    first = claim.comparisons[0]
    of, against = group.cells.get(first.of[0]), group.cells.get(first.against or "")
    if not claim.every_attack or of is None or against is None:
        return []
    differences = []
    for attack in of.cell.attacks:
        for measure in ATTACK_MEASURES:
            one, other = of.cell.attack_by_seed(attack, measure), against.cell.attack_by_seed(attack, measure)
            if difference := combine([one, other], lambda row: row[0] - row[1]):
                estimate = estimate_of(difference)
                differences.append(
                    AttackDifference(
                        group.place, of.name, against.name, attack, measure,
                        estimate.mean, estimate.low, estimate.high, len(difference), estimate.basis,
                    )
                )  # fmt: skip
    return differences
