"""The evaluation of a suite for one paper: all verdicts and the measurements behind them, as data."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from privprune.published import INVERSIONS, Paper, load_literature
from privprune.records import Record
from privprune.settings import read
from privprune.verdicts.claims import ClaimResult, judge_claims
from privprune.verdicts.comparison_groups import ComparisonGroup, ComparisonPlace, comparison_groups
from privprune.verdicts.gains import Gain, all_gains
from privprune.verdicts.literature import LiteratureResult, judge_literature
from privprune.verdicts.matched import Matched, all_matched
from privprune.verdicts.measured_cells import MeasuredCell, measured_cells
from privprune.verdicts.number_verdicts import NumberVerdict, judge
from privprune.verdicts.settings import CurveSettings, EvaluateSettings, check
from privprune.verdicts.twins import judged_by_twins

# The metrics that are compared at the same accuracy where a claim names a curve.
_MATCHED = [f"{attack}_mse" for attack in INVERSIONS]


@dataclass(frozen=True)
class CellRole:
    """What a cell stands for in the suite: a defence or a control in one place.

    Attributes:
        place: the printed data set and model, and what was measured in their place.
        name: the defence or control.
        control: whether it is a control, which the paper does not have.
        cell: name of the cell.
        attack: the attack whose accuracy is compared; None for a row without.

    """

    place: ComparisonPlace
    name: str
    control: bool
    cell: str
    attack: str | None


@dataclass(frozen=True)
class Evaluation:
    """Everything that tables, figures and the report of one paper are made from.

    Attributes:
        suite: name of the suite.
        paper: short name of the paper.
        verdicts: one per printed number, in printed order.
        claims: one per claim.
        cells: all measured cells, in the order that the suite names them.
        roles: what the cells stand for; a cell may have several roles.
        curves: defences at several strengths.
        matched: cells compared with the curve of another defence at the same accuracy.
        gains: average gains that the paper quotes.
        literature: what other papers claim beside it, one per claim.

    """

    suite: str
    paper: str
    verdicts: tuple[NumberVerdict, ...]
    claims: tuple[ClaimResult, ...]
    cells: tuple[MeasuredCell, ...]
    roles: tuple[CellRole, ...]
    curves: tuple[CurveSettings, ...]
    matched: tuple[Matched, ...]
    gains: tuple[Gain, ...]
    literature: tuple[LiteratureResult, ...]

    @property
    def sweep(self) -> tuple[str, ...]:
        """Cells of all curves, in their order, each once."""
        return tuple(dict.fromkeys(cell for curve in self.curves for cell in curve.cells))

    def cell(self, name: str) -> MeasuredCell:
        """Return one measured cell by its name."""
        return next(cell for cell in self.cells if cell.cell == name)

    def summary(self) -> dict[str, dict[str, int]]:
        """Count the verdicts on numbers and the findings on claims, for `dvc metrics show`.

        `claims` counts the headlines of all claims; the other two count those that compare an attack, under the attack
        that the paper names and under the strongest one.
        """
        counted: dict[str, Counter[str]] = {
            "numbers": Counter(one.verdict for one in self.verdicts),
            "claims": Counter(claim.finding for claim in self.claims),
            "claims_papers_attack": Counter(claim.papers_attack for claim in self.claims if claim.papers_attack),
            "claims_strongest_attack": Counter(
                claim.strongest_attack for claim in self.claims if claim.strongest_attack
            ),
        }
        return {kind: dict(sorted(counts.items())) for kind, counts in counted.items()}

    def to_json(self) -> dict[str, Any]:
        """Return the evaluation as the types of JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: object, where: str) -> "Evaluation":
        """Return the evaluation from what `to_json` returned.

        Raises:
            UserError: the content is of another version; `where` names its file.

        """
        return read(cls, content, where)


def evaluate(records: Iterable[Record], paper: Paper, settings: EvaluateSettings, suite: str) -> Evaluation:
    """Compare the records of a suite with a paper; the same input gives the same evaluation.

    Args:
        records: all records of the suite.
        paper: the paper's printed numbers and claims.
        settings: which cell stands for which printed row.
        suite: name of the suite.

    Raises:
        UserError: the settings name rows that the paper does not print, or records are missing or contradict each
            other; the line lists all missing ones.

    """
    where = f"evaluate.{paper.paper}"
    check(settings, paper, where)
    records = list(records)
    cells = judged_by_twins(measured_cells(records, settings, paper.threat, where), records)
    grouped = comparison_groups(settings, paper, cells)
    return Evaluation(
        suite=suite,
        paper=paper.paper,
        verdicts=judge(paper, settings, cells, grouped),
        claims=judge_claims(paper, grouped),
        cells=tuple(cells.values()),
        roles=tuple(role for group in grouped for role in _roles(group)),
        curves=settings.curves,
        matched=all_matched(paper, grouped, _MATCHED),
        gains=all_gains(paper, grouped),
        literature=judge_literature(load_literature(), paper, grouped),
    )


def _roles(group: ComparisonGroup) -> list[CellRole]:
    return [
        CellRole(group.place, compared.name, compared.control, compared.cell.cell, compared.attack)
        for compared in group.cells.values()
    ]
