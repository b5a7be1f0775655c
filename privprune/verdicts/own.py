"""Experiments of one's own: cells with free names, measured like all others, with nothing printed to compare with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from privprune.errors import UserError, shown
from privprune.published import Paper
from privprune.records import Record
from privprune.settings import Printed
from privprune.verdicts.comparison_groups import ComparisonPlace
from privprune.verdicts.evaluation import CellRole, Evaluation
from privprune.verdicts.measured_cells import MeasuredCell, gather

OWN = "own"  # the value of the key `paper`, and the name that stands among the papers in the section `evaluate`


@dataclass(frozen=True)
class OwnRow:
    """One line of the tables.

    Attributes:
        dataset: name of the data in tables, any text of one line.
        model: the same for the network.
        method: the same for what was done to it.
        cell: a cell of the suite.

    """

    dataset: Printed
    model: Printed
    method: Printed
    cell: str


@dataclass(frozen=True)
class OwnSettings:
    """The section `evaluate.own`.

    Attributes:
        reads: the folder of records to read, `own`.
        rows: the lines, in the order of the tables.

    """

    reads: str
    rows: tuple[OwnRow, ...]

    def __post_init__(self) -> None:
        """Refuse another folder, no rows, and a cell or a method that stands twice in one place."""
        if self.reads != OWN:
            raise ValueError(f"reads: found {shown(self.reads)}, allowed {OWN}")
        if not self.rows:
            raise ValueError("rows: found none, allowed one or more")
        cells = [row.cell for row in self.rows]
        names = [(row.dataset, row.model, row.method) for row in self.rows]
        if len(set(cells)) < len(cells) or len(set(names)) < len(names):
            raise ValueError("rows: found a cell or a method twice, allowed each once per data set and model")


def evaluate_own(records: Iterable[Record], settings: OwnSettings, suite: str) -> Evaluation:
    """Gather what was measured on the cells; the same input gives the same evaluation.

    Raises:
        UserError: records are missing or contradict each other.

    """
    cells = gather(records, [row.cell for row in settings.rows], {}, f"evaluate.{OWN}")
    roles = tuple(_role(row, cells[row.cell]) for row in settings.rows)
    return Evaluation(suite, OWN, (), (), tuple(cells.values()), roles, (), (), (), ())


def own_paper(evaluation: Evaluation) -> Paper:
    """Return one's own experiments in the form of a paper that prints nothing, for figures and tables.

    Raises:
        UserError: the evaluation is one of a paper.

    """
    if evaluation.paper != OWN:
        raise UserError(f"evaluations: found one of {shown(evaluation.paper)}, allowed {OWN}")
    places = [role.place for role in evaluation.roles]
    inverted = any(cell.inversions for cell in evaluation.cells)
    attacked = any(cell.attacks for cell in evaluation.cells)
    return Paper(
        paper=OWN,
        title="Own experiments",
        short="Own experiments",
        citation="",
        threat="inversion" if inverted and not attacked else "membership",
        protocol="",
        datasets={place.dataset: (place.data,) for place in places},
        covers={},
        models={place.model: (place.network,) for place in places},
        attacks={},
        columns={},
        defences={role.name: role.name for role in evaluation.roles},
        averages={},
        controls={},
        tolerances=(),
        tables=(),
        gains=(),
        claims=(),
        questions=(),
    )


def _role(row: OwnRow, cell: MeasuredCell) -> CellRole:
    place = ComparisonPlace(row.dataset, row.model, cell.data, cell.model, cell.protocol, stand_in=False)
    attack = next((label for label, result in cell.attacks.items() if not result.run.control), None)
    return CellRole(place, row.method, control=False, cell=row.cell, attack=attack)
