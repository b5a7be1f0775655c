"""Cells that may be compared with each other: the same printed rows, on the same data, divided the same way."""

from collections.abc import Mapping
from dataclasses import dataclass

from privprune.errors import UserError
from privprune.published import Paper
from privprune.verdicts.measured import MeasuredCell
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
        stand_in: whether data or network differ from the print; a claim may be tested with any division.

    """

    dataset: str
    model: str
    data: str
    network: str
    protocol: str
    stand_in: bool


@dataclass(frozen=True)
class Member:
    """A cell in its role (defence or control) with the attack that is compared."""

    name: str
    control: bool
    cell: MeasuredCell
    attack: str | None


@dataclass(frozen=True)
class Group:
    """The cells of one place, by defence or control."""

    place: Place
    members: dict[str, Member]

    def lookup(self, name: str, metric: str) -> Mapping[int, float] | None:
        """Return one member's metric per seed, None where it was not measured."""
        member = self.members.get(name)
        return None if member is None else member.cell.by_seed(metric, member.attack)


def groups(settings: EvaluateSettings, paper: Paper, cells: Mapping[str, MeasuredCell]) -> tuple[Group, ...]:
    """Divide all rows and controls into groups, in the order they are named.

    Raises:
        UserError: two cells claim the same role in one group.

    """
    gathered: dict[tuple[str, str, str, str], dict[str, Member]] = {}
    for dataset, model, member in _members(settings, cells):
        key = dataset, model, member.cell.data, member.cell.protocol
        group = gathered.setdefault(key, {})
        if member.name in group:
            raise UserError(
                f"evaluate.{paper.paper}: {dataset} / {model} / {member.name} has two cells on {member.cell.data}, "
                f"{group[member.name].cell.cell} and {member.cell.cell}, allowed one per data set and protocol"
            )
        group[member.name] = member
    return tuple(Group(_place(key, members, paper), members) for key, members in gathered.items())


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


def _place(key: tuple[str, str, str, str], members: Mapping[str, Member], paper: Paper) -> Place:
    dataset, model, data, protocol = key
    networks = [member.cell.model for member in members.values() if not member.control]
    networks = networks or [member.cell.model for member in members.values()]
    alike = all(
        member.cell.source in paper.datasets[dataset] and not member.cell.cut_down for member in members.values()
    ) and all(network in paper.models[model] for network in networks)
    return Place(dataset, model, data, networks[0], protocol, stand_in=not alike)
