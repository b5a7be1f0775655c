"""Cells that may be compared with each other: the same printed rows, on the same data, divided the same way."""

from collections.abc import Mapping
from dataclasses import dataclass

from privprune.errors import UserError
from privprune.published import OURS, Paper
from privprune.verdicts.measured_cells import MeasuredCell
from privprune.verdicts.settings import EvaluateSettings


@dataclass(frozen=True)
class Place:
    """Where a comparison was made.

    Attributes:
        dataset: of the printed rows.
        model: of the printed rows.
        data: the data set measured on.
        network: the architecture measured with.
        protocol: how the records were divided.
        stand_in: whether data or network differ from the print, or nothing is printed; a claim may be tested with any
            division.

    """

    dataset: str
    model: str
    data: str
    network: str
    protocol: str
    stand_in: bool

    @property
    def ours(self) -> bool:
        """Whether the paper has no such experiment."""
        return self.dataset.endswith(OURS)


@dataclass(frozen=True)
class Member:
    """A cell in its role (defence or control) with the attack that is compared."""

    name: str
    control: bool
    cell: MeasuredCell
    attack: str | None


@dataclass(frozen=True)
class Group:
    """The cells of one place, by defence or control, and the curves beside them."""

    place: Place
    members: dict[str, Member]
    curves: dict[str, tuple[MeasuredCell, ...]]

    def along(self, name: str) -> tuple[MeasuredCell, ...]:
        """Return a defence's own cell and those of its curve, each once; empty where there is none."""
        own = [self.members[name].cell] if name in self.members else []
        return tuple({cell.cell: cell for cell in (*self.curves.get(name, ()), *own)}.values())

    def lookup(self, name: str, metric: str) -> Mapping[int, float] | None:
        """Return one member's metric per seed, None where it was not measured."""
        member = self.members.get(name)
        return None if member is None else member.cell.by_seed(metric, member.attack)


_Key = tuple[str, str, str, str]


def groups(settings: EvaluateSettings, paper: Paper, cells: Mapping[str, MeasuredCell]) -> tuple[Group, ...]:
    """Divide all rows, controls and curves into groups, in the order they are named.

    Raises:
        UserError: two cells claim the same role in one group, or the cells of a curve are of several groups.

    """
    where = f"evaluate.{paper.paper}"
    gathered: dict[_Key, dict[str, Member]] = {}
    for dataset, model, member in _members(settings, cells):
        key = dataset, model, member.cell.data, member.cell.protocol
        group = gathered.setdefault(key, {})
        if member.name in group:
            raise UserError(
                f"{where}: {dataset} / {model} / {member.name} has two cells on {member.cell.data}, "
                f"{group[member.name].cell.cell} and {member.cell.cell}, allowed one per data set and protocol"
            )
        group[member.name] = member
    curves = _curves(settings, cells, where)
    return tuple(
        _group(key, gathered.get(key, {}), curves.get(key, {}), paper) for key in dict.fromkeys([*gathered, *curves])
    )


def _group(key: _Key, members: dict[str, Member], curves: dict[str, tuple[MeasuredCell, ...]], paper: Paper) -> Group:
    return Group(_place(key, members, curves, paper), members, curves)


def _curves(
    settings: EvaluateSettings, cells: Mapping[str, MeasuredCell], where: str
) -> dict[_Key, dict[str, tuple[MeasuredCell, ...]]]:
    found: dict[_Key, dict[str, tuple[MeasuredCell, ...]]] = {}
    for number, curve in enumerate(settings.curves):
        along = tuple(cells[cell] for cell in curve.cells)
        kinds = dict.fromkeys(f"{cell.data}, {cell.protocol}" for cell in along)
        if len(kinds) > 1:
            raise UserError(f"{where}.curves[{number}]: found cells on {' and on '.join(kinds)}, allowed one of them")
        key = curve.dataset, curve.model, along[0].data, along[0].protocol
        beside = found.setdefault(key, {})
        if curve.name in beside:
            raise UserError(f"{where}.curves[{number}]: found a second curve of {curve.name} on {along[0].data}")
        beside[curve.name] = along
    return found


def _members(settings: EvaluateSettings, cells: Mapping[str, MeasuredCell]) -> list[tuple[str, str, Member]]:
    rows = [
        (row.dataset, row.model, Member(row.defence, control=False, cell=cells[row.cell], attack=row.attack))
        for row in settings.rows
    ]
    controls = [
        (one.dataset, one.model, Member(one.control, control=True, cell=cells[one.cell], attack=one.attack))
        for one in settings.controls
    ]
    return rows + controls


def _place(
    key: _Key, members: Mapping[str, Member], curves: Mapping[str, tuple[MeasuredCell, ...]], paper: Paper
) -> Place:
    dataset, model, data, protocol = key
    in_curves = [cell for curve in curves.values() for cell in curve]
    cells = [member.cell for member in members.values()] or in_curves
    networks = [member.cell.model for member in members.values() if not member.control]
    networks = networks or [cell.model for cell in cells]
    alike = (
        not dataset.endswith(OURS)
        and all(cell.source in paper.datasets[dataset] and not cell.cut_down for cell in cells)
        and all(network in paper.models[model] for network in networks)
    )
    return Place(dataset, model, data, networks[0], protocol, stand_in=not alike)
