"""Groups of cells that may be compared: the same printed data set and model, the same data, the same protocol."""

from collections.abc import Mapping
from dataclasses import dataclass

from privprune.errors import UserError
from privprune.published import OURS, Paper
from privprune.verdicts.measured_cells import MeasuredCell
from privprune.verdicts.settings import EvaluateSettings


@dataclass(frozen=True)
class ComparisonPlace:
    """What a comparison is about: the printed data set and model, and what was measured in their place.

    Attributes:
        dataset: the data set, as printed.
        model: the model, as printed.
        data: the data set that was measured.
        network: the architecture that was measured.
        protocol: how the records were divided.
        stand_in: whether data or network differ from the print, or nothing is printed; the protocol does not count,
            since a claim may be tested under any.

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
class ComparedCell:
    """A measured cell, the defence or control that it stands for, and the attack that is compared."""

    name: str
    control: bool
    cell: MeasuredCell
    attack: str | None


@dataclass(frozen=True)
class ComparisonGroup:
    """The cells of one place by defence or control, and the curves of the same place by defence or control."""

    place: ComparisonPlace
    cells: dict[str, ComparedCell]
    curves: dict[str, tuple[MeasuredCell, ...]]

    def along(self, name: str) -> tuple[MeasuredCell, ...]:
        """Return the cells of a defence's curve and its single cell, each once; empty where there is none."""
        single = [self.cells[name].cell] if name in self.cells else []
        return tuple({cell.cell: cell for cell in (*self.curves.get(name, ()), *single)}.values())

    def lookup(self, name: str, metric: str) -> Mapping[int, float] | None:
        """Return the metric of one defence or control per seed, None where it was not measured."""
        compared = self.cells.get(name)
        return None if compared is None else compared.cell.by_seed(metric, compared.attack)


_Key = tuple[str, str, str, str]


def comparison_groups(
    settings: EvaluateSettings, paper: Paper, cells: Mapping[str, MeasuredCell]
) -> tuple[ComparisonGroup, ...]:
    """Divide all rows, controls and curves into groups, in the order they are named.

    Raises:
        UserError: two cells stand for the same defence in one group, or the cells of a curve are of several groups.

    """
    where = f"evaluate.{paper.paper}"
    gathered: dict[_Key, dict[str, ComparedCell]] = {}
    for dataset, model, compared in _compared_cells(settings, cells):
        key = dataset, model, compared.cell.data, compared.cell.protocol
        group = gathered.setdefault(key, {})
        if compared.name in group:
            raise UserError(
                f"{where}: {dataset} / {model} / {compared.name} has two cells on {compared.cell.data}, "
                f"{group[compared.name].cell.cell} and {compared.cell.cell}, allowed one per data set and protocol"
            )
        group[compared.name] = compared
    curves = _curves(settings, cells, where)
    return tuple(
        _group(key, gathered.get(key, {}), curves.get(key, {}), paper) for key in dict.fromkeys([*gathered, *curves])
    )


def _group(
    key: _Key, compared: dict[str, ComparedCell], curves: dict[str, tuple[MeasuredCell, ...]], paper: Paper
) -> ComparisonGroup:
    return ComparisonGroup(_place(key, compared, curves, paper), compared, curves)


def _curves(
    settings: EvaluateSettings, cells: Mapping[str, MeasuredCell], where: str
) -> dict[_Key, dict[str, tuple[MeasuredCell, ...]]]:
    curves: dict[_Key, dict[str, tuple[MeasuredCell, ...]]] = {}
    for number, curve in enumerate(settings.curves):
        along = tuple(cells[cell] for cell in curve.cells)
        kinds = dict.fromkeys(f"{cell.data}, {cell.protocol}" for cell in along)
        if len(kinds) > 1:
            raise UserError(f"{where}.curves[{number}]: found cells on {' and on '.join(kinds)}, allowed one of them")
        key = curve.dataset, curve.model, along[0].data, along[0].protocol
        beside = curves.setdefault(key, {})
        if curve.name in beside:
            raise UserError(f"{where}.curves[{number}]: found a second curve of {curve.name} on {along[0].data}")
        beside[curve.name] = along
    return curves


def _compared_cells(
    settings: EvaluateSettings, cells: Mapping[str, MeasuredCell]
) -> list[tuple[str, str, ComparedCell]]:
    """Return (printed data set, printed model, cell) of every row and control."""
    rows = [
        (row.dataset, row.model, ComparedCell(row.defence, control=False, cell=cells[row.cell], attack=row.attack))
        for row in settings.rows
    ]
    controls = [
        (one.dataset, one.model, ComparedCell(one.control, control=True, cell=cells[one.cell], attack=one.attack))
        for one in settings.controls
    ]
    return rows + controls


def _place(
    key: _Key, compared: Mapping[str, ComparedCell], curves: Mapping[str, tuple[MeasuredCell, ...]], paper: Paper
) -> ComparisonPlace:
    dataset, model, data, protocol = key
    in_curves = [cell for curve in curves.values() for cell in curve]
    cells = [one.cell for one in compared.values()] or in_curves
    networks = [one.cell.model for one in compared.values() if not one.control]
    networks = networks or [cell.model for cell in cells]
    alike = (
        not dataset.endswith(OURS)
        and all(cell.source in paper.datasets[dataset] and not cell.cut_down for cell in cells)
        and all(network in paper.models[model] for network in networks)
    )
    return ComparisonPlace(dataset, model, data, networks[0], protocol, stand_in=not alike)
