"""The conditions of an experiment: only cells that share data, model and protocol are drawn together."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol, TypeVar

from privprune.plots.drawing import file_name
from privprune.verdicts import MeasuredCell


class Conditions(NamedTuple):
    """Name of the data set, name of the architecture, and how the records were divided."""

    data: str
    model: str
    protocol: str

    @property
    def words(self) -> str:
        """The conditions as part of a title."""
        return f"{self.data}, {self.model}, protocol {self.protocol}"

    def file_name(self, kind: str) -> str:
        """Return the file name of a figure of this kind under these conditions."""
        return file_name([kind, *self])


class UnderConditions(Protocol):
    """A cell that was measured under known conditions."""

    @property
    def conditions(self) -> Conditions:
        """Data, model and protocol of the cell."""


def conditions_of(cell: MeasuredCell) -> Conditions:
    """Return the conditions under which a cell was measured."""
    return Conditions(cell.data, cell.model, cell.protocol)


Cell = TypeVar("Cell", bound=UnderConditions)


def by_conditions(cells: Iterable[Cell]) -> dict[Conditions, list[Cell]]:
    """Group cells by their conditions, both in the order given."""
    groups: dict[Conditions, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.conditions, []).append(cell)
    return groups
