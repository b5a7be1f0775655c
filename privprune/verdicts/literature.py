"""Verdicts on what other papers claim, from the same cells that the papers' own claims are judged on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

from privprune.published import Comparison, Literature, LiteratureClaim, Paper, Source
from privprune.verdicts.claim_parts import ClaimPart
from privprune.verdicts.claims import ClaimResult, judge_claims
from privprune.verdicts.comparison_groups import ComparedCell, ComparisonGroup, comparison_groups
from privprune.verdicts.comparisons import ComparisonResult
from privprune.verdicts.evaluation import Evaluation
from privprune.verdicts.measured_cells import MeasuredCell
from privprune.verdicts.settings import ControlSettings, EvaluateSettings, RowSettings
from privprune.verdicts.statistics import SeedValues


@dataclass(frozen=True)
class LiteratureResult:
    """What another paper claims, and what was measured here.

    Attributes:
        source: the paper that says so.
        claim: what it says, and what is tested.
        paper: the paper among whose rows and controls the cells are.
        result: the verdict with its comparisons.
        groups: the cells of that paper, by the places where they may be compared.
        missing: what has no cell where the claim comes nearest to being tested, in words; none where it was tested.

    """

    source: Source
    claim: LiteratureClaim
    paper: Paper
    result: ClaimResult
    groups: tuple[ComparisonGroup, ...]
    missing: tuple[str, ...]

    def cells(self, part: ClaimPart, result: ComparisonResult) -> tuple[str, ...]:
        """Return the names of the cells that a comparison is about, each once."""
        return tuple(dict.fromkeys(cell.cell for cell in _compared(result.comparison, self._group(part))))

    def attack(self, part: ClaimPart, result: ComparisonResult) -> str:
        """Return the membership attack behind a comparison; empty where none is, or where the metric names it."""
        comparison = result.comparison
        if result.attack or "attack_accuracy" not in (comparison.metric, comparison.against):
            return result.attack
        return _attack_of(self._group(part)) or ""

    def _group(self, part: ClaimPart) -> ComparisonGroup:
        return next(group for group in self.groups if group.place == part.place)


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
    literature: Literature, evaluated: Iterable[tuple[Paper, Evaluation]]
) -> tuple[LiteratureResult, ...]:
    """Test what other papers claim on the cells of evaluated papers.

    Args:
        literature: sources and claims.
        evaluated: papers with the evaluation of a suite; claims beside other papers are left out.

    Returns:
        in the order of the sources.

    Raises:
        ValueError: a claim names a defence or control that its paper does not declare.

    """
    papers = {paper.paper: (paper, _groups(paper, evaluation)) for paper, evaluation in evaluated}
    return tuple(
        _judge(source, claim, *papers[claim.beside])
        for source in literature.sources
        for claim in source.claims
        if claim.beside in papers
    )


def _judge(
    source: Source, claim: LiteratureClaim, paper: Paper, groups: tuple[ComparisonGroup, ...]
) -> LiteratureResult:
    # a paper with this claim, which prints nothing
    alone = replace(paper, tables=(), gains=(), claims=(claim.claim,), questions=())
    (result,) = judge_claims(alone, [group for group in groups if _testable(claim, group)])
    missing = () if result.parts else _missing(claim, paper, groups)
    return LiteratureResult(source, claim, paper, result, groups, missing)


def _groups(paper: Paper, evaluation: Evaluation) -> tuple[ComparisonGroup, ...]:
    """Return the groups of an evaluation, in which every cell of a group with attacks has an attack."""
    roles = [(role.place.dataset, role.place.model, role.name, role.cell, role.attack) for role in evaluation.roles]
    controls = [role.control for role in evaluation.roles]
    settings = EvaluateSettings(
        reads=evaluation.paper,
        rows=tuple(RowSettings(*role) for role, control in zip(roles, controls, strict=True) if not control),
        controls=tuple(ControlSettings(*role) for role, control in zip(roles, controls, strict=True) if control),
        curves=evaluation.curves,
    )
    cells = {cell.cell: cell for cell in evaluation.cells}
    return tuple(_with_attack(group) for group in comparison_groups(settings, paper, cells))


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
