"""Every defence under both threats at once, which no paper prints: one line per cell attacked in both ways.

The attacks are fixed in the suite, before anything is measured, and the same for all cells: none is chosen as the
strongest after the results are known, so no line looks worse because more attacks were tried on it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from privprune.errors import UserError, shown
from privprune.records import MAKING, Record
from privprune.settings import Printed, read
from privprune.verdicts.measured_cells import MeasuredCell, gather
from privprune.verdicts.twins import judged_by_twins

CROSS = "cross"  # the name that stands among the papers in the suite's section `evaluate`
ALL_PAPERS = "."
NO_CLASSES = (
    "mean_average_precision"  # metric of a network that gives embeddings, not classes: membership attacks need classes
)


@dataclass(frozen=True)
class CrossRow:
    """One line of the matrix: the name of the defence in the table, and the cell that was attacked in both ways."""

    defence: Printed
    cell: str


@dataclass(frozen=True)
class CrossSettings:
    """The suite's section `evaluate.cross`.

    Attributes:
        reads: the folder of records to read: `.` for those of all papers.
        membership: membership attacks on every cell, named as in the suite's section `attack`; all are shown.
        inversion: the same for inversion attacks.
        rows: the cells.

    """

    reads: str
    membership: tuple[str, ...]
    inversion: tuple[str, ...]
    rows: tuple[CrossRow, ...]

    def __post_init__(self) -> None:
        """Refuse a matrix without attacks or with a cell twice."""
        if self.reads != ALL_PAPERS:
            raise ValueError(f"reads: found {shown(self.reads)}, allowed '.' for the records of all papers")
        for name, labels in (("membership", self.membership), ("inversion", self.inversion)):
            if not labels or len(set(labels)) < len(labels):
                raise ValueError(f"{name}: found {', '.join(labels) or 'none'}, allowed one attack or more, each once")
        cells = [row.cell for row in self.rows]
        if len(set(cells)) < len(cells):
            raise ValueError("rows: a cell stands here twice")


@dataclass(frozen=True)
class CrossLine:
    """One measured line of the matrix."""

    defence: str
    cell: MeasuredCell

    @property
    def membership_possible(self) -> bool:
        """Whether membership attacks apply: a re-identification network gives embeddings, not classes."""
        return NO_CLASSES not in self.cell.numbers


@dataclass(frozen=True)
class CrossEvaluation:
    """The whole matrix, as data that JSON can represent.

    Attributes:
        suite: name of the suite.
        membership: the membership attacks, in order.
        inversion: the inversion attacks, in order.
        lines: in the order that the suite names them.

    """

    suite: str
    membership: tuple[str, ...]
    inversion: tuple[str, ...]
    lines: tuple[CrossLine, ...]

    def summary(self) -> dict[str, dict[str, int]]:
        """Count the cells of each data set, for `dvc metrics show`."""
        names = [line.cell.data for line in self.lines]
        return {"cells": {name: names.count(name) for name in sorted(set(names))}}

    def to_json(self) -> dict[str, Any]:
        """Return the matrix as the types of JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: object, where: str) -> "CrossEvaluation":
        """Return the matrix from what `to_json` returned.

        Raises:
            UserError: the content is of another version; `where` names its file.

        """
        return read(cls, content, where)


def evaluate_cross(records: Iterable[Record], settings: CrossSettings, suite: str) -> CrossEvaluation:
    """Gather the matrix from the records of all papers.

    Raises:
        UserError: records are missing or contradict each other (all missing ones are listed), or a cell lacks one of
            the attacks. No membership attack is required on re-identification networks.

    """
    where = f"evaluate.{CROSS}"
    names = [row.cell for row in settings.rows]
    records = list(records)
    without = {record.cell for record in records if record.stage in MAKING and NO_CLASSES in record.metrics}
    asked = [name for name in names if name not in without]
    cells = judged_by_twins(gather(records, names, {"membership": asked, "inversion": names}, where), records)
    for number, row in enumerate(settings.rows):
        cell = cells[row.cell]
        if row.cell not in without:
            _check(settings.membership, cell.attacks, f"{where}.rows[{number}]: membership attack", row.cell)
        _check(settings.inversion, cell.inversions, f"{where}.rows[{number}]: inversion attack", row.cell)
    lines = tuple(CrossLine(row.defence, cells[row.cell]) for row in settings.rows)
    return CrossEvaluation(suite, settings.membership, settings.inversion, lines)


def _check(wanted: Iterable[str], run: Mapping[str, object], where: str, cell: str) -> None:
    for attack in wanted:
        if attack not in run:
            raise UserError(f"{where} {shown(attack)}, allowed those run on {cell}: {', '.join(run)}")
