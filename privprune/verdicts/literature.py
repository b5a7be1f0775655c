"""Verdicts on what other papers claim, from the same cells that the papers' own claims are judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from privprune.published import Comparison, Literature, LiteratureClaim, Paper
from privprune.verdicts.claim_parts import ClaimPart
from privprune.verdicts.claims import judge_claims
from privprune.verdicts.comparison_groups import ComparedCell, ComparisonGroup, ComparisonPlace
from privprune.verdicts.comparisons import ComparisonResult, Finding
from privprune.verdicts.measured_cells import MeasuredCell
from privprune.verdicts.statistics import SeedValues


@dataclass(frozen=True)
class LiteratureComparison:
    """A comparison behind the verdict on another paper's claim.

    Attributes:
        place: where it was made.
        result: the numbers and their finding.
        attack: the membership attack behind it; empty where none is, or where the metric names it.
        cells: names of the cells that it is about, each once.

    """

    place: ComparisonPlace
    result: ComparisonResult
    attack: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class LiteratureResult:
    """What was measured here of another paper's claim.

    Attributes:
        claim: its name in `published.Literature`.
        finding: the verdict.
        comparisons: what decides it, place by place; none where it was not tested.
        missing: what has no cell where the claim comes nearest to being tested, in words; none where it was tested.

    """

    claim: str
    finding: Finding
    comparisons: tuple[LiteratureComparison, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class _AttackedCell(MeasuredCell):
    """A cell whose attack accuracy, where none is named, is that of the attack that the rows beside it name.

    Cells of a curve have no attack of their own, but claims of the literature are about attacks along curves.
    """

    attack: str = ""

    def by_seed(self, metric: str, attack: str | None) -> SeedValues | None:
        """Return the metric per seed, as any cell does."""
        return super().by_seed(metric, attack or self.attack)


def judge_literature(
    literature: Literature, paper: Paper, groups: Sequence[ComparisonGroup]
) -> tuple[LiteratureResult, ...]:
    """Test what other papers claim beside one paper, on its cells.

    Args:
        literature: sources and claims; claims beside other papers are left out.
        paper: the paper among whose rows and controls the cells are.
        groups: its cells, by the places where they may be compared.

    Returns:
        in the order of the sources.

    Raises:
        ValueError: a claim names a defence or control that the paper does not declare.

    """
    attacked = [_with_attack(group) for group in groups]
    return tuple(
        _judge(claim, paper, attacked)
        for source in literature.sources
        for claim in source.claims
        if claim.beside == paper.paper
    )


def _judge(claim: LiteratureClaim, paper: Paper, groups: Sequence[ComparisonGroup]) -> LiteratureResult:
    # a paper with this claim, which prints nothing
    alone = replace(paper, tables=(), gains=(), claims=(claim.claim,), questions=())
    (result,) = judge_claims(alone, [group for group in groups if _testable(claim, group)])
    by_place = {group.place: group for group in groups}
    comparisons = tuple(
        _comparison(part, each, by_place[part.place]) for part in result.parts for each in part.deciding
    )
    missing = () if result.parts else _missing(claim, paper, groups)
    return LiteratureResult(result.name, result.finding, comparisons, missing)


def _comparison(part: ClaimPart, result: ComparisonResult, group: ComparisonGroup) -> LiteratureComparison:
    comparison, attack = result.comparison, result.attack
    if not attack and "attack_accuracy" in (comparison.metric, comparison.against):
        attack = _attack_of(group) or ""
    cells = tuple(dict.fromkeys(cell.cell for cell in _compared(comparison, group)))
    return LiteratureComparison(part.place, result, attack, cells)


def _with_attack(group: ComparisonGroup) -> ComparisonGroup:
    """Return a group whose cells have the attack that its first attacked row names, where none is named.

    A cell of a curve stands in it by its own name too, which no claim has, so that its attack is known like a row's.
    """
    attack = _attack_of(group)
    if attack is None:
        return group
    cells = {name: replace(one, cell=_attacked(one.cell, one.attack or attack)) for name, one in group.cells.items()}
    curves = {name: tuple(_attacked(cell, attack) for cell in curve) for name, curve in group.curves.items()}
    along = {
        f"cell {cell.cell}": ComparedCell(name, control=True, cell=cell, attack=attack)
        for name, curve in curves.items()
        for cell in curve
    }
    return ComparisonGroup(group.place, {**along, **cells}, curves)


def _attack_of(group: ComparisonGroup) -> str | None:
    return next((one.attack for one in group.cells.values() if one.attack is not None), None)


def _attacked(cell: MeasuredCell, attack: str) -> MeasuredCell:
    values = {field.name: getattr(cell, field.name) for field in fields(MeasuredCell)}
    return _AttackedCell(**values, attack=attack)


def _missing(claim: LiteratureClaim, paper: Paper, groups: Sequence[ComparisonGroup]) -> tuple[str, ...]:
    """Return what has no cell, in words: the fewest of all places and variants; all of the first without a place."""
    needs = [list(dict.fromkeys(need for one in variant for need in _needs(one))) for variant in claim.claim.variants]
    lacking = [[need for need in one if not need.met(group)] for one in needs for group in groups]
    return tuple(need.words(paper) for need in min(lacking or needs[:1], key=len))


def _testable(claim: LiteratureClaim, group: ComparisonGroup) -> bool:
    """Whether a place has all that a variant of the claim needs."""
    return any(all(need.met(group) for one in variant for need in _needs(one)) for variant in claim.claim.variants)


@dataclass(frozen=True)
class _Need:
    """A defence or control that a comparison needs: a cell of it, or one and the others of its curve."""

    name: str
    curve: bool

    def met(self, group: ComparisonGroup) -> bool:
        """Whether a place has it."""
        return self.name in group.cells and (not self.curve or len(group.along(self.name)) > 1)

    def words(self, paper: Paper) -> str:
        """Return it in words."""
        return f"{paper.labels[self.name]}{' at several strengths' if self.curve else ''}"


def _needs(comparison: Comparison) -> list[_Need]:
    if comparison.ranks and len(comparison.of) == 1:
        return [_Need(comparison.of[0], curve=True)]
    curve = comparison.against if comparison.measure == "matched" else None
    return [_Need(name, curve=name == curve) for name in comparison.names]


def _compared(comparison: Comparison, group: ComparisonGroup) -> list[MeasuredCell]:
    """Return the cells of a comparison: single ones, or all of a curve where it runs along one."""
    if comparison.ranks and len(comparison.of) == 1:
        return list(group.along(comparison.of[0]))
    single: list[ComparedCell] = [group.cells[name] for name in comparison.names if name in group.cells]
    curve = group.along(comparison.against or "") if comparison.measure == "matched" else ()
    return [*(one.cell for one in single), *curve]
