"""Which cell of a suite measures which printed row: the section `evaluate.<paper>` of a suite."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from privprune.errors import UserError, shown
from privprune.published import Paper

Threat = Literal["membership", "inversion"]


@dataclass(frozen=True)
class RowSettings:
    """A printed row and the cell that measures it.

    A row may have several cells that differ in data set or protocol. The cell that matches the print gets the verdict;
    if none does, the first is shown as stand-in data. The claims are tested on all of them.

    Attributes:
        dataset: the data set, as printed.
        model: the model, as printed.
        defence: one of the paper's defences.
        cell: a cell of the suite.
        attack: the membership attack whose accuracy is printed; null for a row that prints no attack accuracy.

    """

    dataset: str
    model: str
    defence: str
    cell: str
    attack: str | None


@dataclass(frozen=True)
class ControlSettings:
    """A control that the paper does not have, beside the rows of a printed data set and model.

    Attributes:
        dataset: as printed, of the rows it stands beside.
        model: as printed, of the rows it stands beside.
        control: one of the controls that the paper's file declares, or the name of a defence or pruning method.
        cell: a cell of the suite.
        attack: the membership attack that is compared; null where no membership is inferred.

    """

    dataset: str
    model: str
    control: str
    cell: str
    attack: str | None


@dataclass(frozen=True)
class CurveSettings:
    """Cells of one defence at growing strength, such as sparsity or noise, beside printed rows.

    Attributes:
        dataset: as printed, of the rows it stands beside.
        model: as printed, of the rows it stands beside.
        name: the defence or control whose strength grows.
        cells: cells of the suite, in the order of the curve.

    """

    dataset: str
    model: str
    name: str
    cells: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse a curve of fewer than two different cells."""
        if len(set(self.cells)) < max(2, len(self.cells)):
            raise ValueError(f"cells: found {', '.join(self.cells) or 'none'}, allowed two or more, each once")


@dataclass(frozen=True)
class EvaluateSettings:
    """The cells of a suite that are compared with a paper.

    Attributes:
        reads: the folder of records to read, which is named after the paper.
        rows: printed rows and their cells; a printed row that is not listed is `not run`.
        controls: cells that a referee would ask for beside the rows.
        curves: defences at several strengths, to be compared at the same accuracy.

    """

    reads: str
    rows: tuple[RowSettings, ...]
    controls: tuple[ControlSettings, ...]
    curves: tuple[CurveSettings, ...]

    def __post_init__(self) -> None:
        """Refuse a cell or a curve that is listed twice for the same printed row."""
        taken: set[tuple[str, ...]] = set()
        for row in self.rows:
            _once((row.dataset, row.model, row.defence, row.cell), taken)
        for control in self.controls:
            _once((control.dataset, control.model, control.control, control.cell), taken)
        for curve in self.curves:
            _once((curve.dataset, curve.model, "curve", curve.name, curve.cells[0]), taken)

    @property
    def in_curves(self) -> tuple[str, ...]:
        """All cells of the curves, in their order."""
        return tuple(dict.fromkeys(cell for curve in self.curves for cell in curve.cells))

    @property
    def cells(self) -> tuple[str, ...]:
        """All cells that must have been measured, in the order that the suite names them, each once."""
        named = [row.cell for row in self.rows] + [control.cell for control in self.controls]
        return tuple(dict.fromkeys([*named, *self.in_curves]))

    def attacked(self, threat: Threat) -> tuple[str, ...]:
        """Return the cells that must also have been attacked; for inversion these are all cells."""
        if threat == "inversion":
            return self.cells
        named = [row.cell for row in self.rows if row.attack] + [control.cell for control in self.controls]
        return tuple(dict.fromkeys([*named, *self.in_curves]))


def _once(place: tuple[str, ...], taken: set[tuple[str, ...]]) -> None:
    if place in taken:
        raise ValueError(f"{' / '.join(place)} stands here twice")
    taken.add(place)


def check(settings: EvaluateSettings, paper: Paper, where: str) -> None:
    """Check that every row, control and curve belongs to what the paper prints.

    Args:
        settings: the section `evaluate.<paper>`.
        paper: the paper's printed numbers.
        where: file and key of the section, for error messages.

    Raises:
        UserError: a row that the paper does not print, or an attack left out.

    """
    if settings.reads != paper.paper:
        raise UserError(f"{where}.reads: found {shown(settings.reads)}, allowed {paper.paper}, whose records are read")
    printed = [row.key for row in paper.rows if row.defence not in paper.averages]
    for number, row in enumerate(settings.rows):
        place = f"{where}.rows[{number}]"
        _check_key((row.dataset, row.model, row.defence), printed, ("dataset", "model", "defence"), place)
        _check_attack(row.attack, paper, place, needed=paper.prints_attack(row.dataset, row.model, row.defence))
    for number, control in enumerate(settings.controls):
        place = f"{where}.controls[{number}]"
        _check_key((control.dataset, control.model), [key[:2] for key in printed], ("dataset", "model"), place)
        _check_attack(control.attack, paper, place, needed=paper.threat == "membership")
    for number, curve in enumerate(settings.curves):
        place = f"{where}.curves[{number}]"
        _check_key((curve.dataset, curve.model), [key[:2] for key in printed], ("dataset", "model"), place)
        _check_key((curve.name,), [(name,) for name in paper.labels], ("name",), place)


def _check_attack(attack: str | None, paper: Paper, place: str, *, needed: bool) -> None:
    if attack is None and needed:
        raise UserError(f"{place}.attack: found null, allowed an attack, since the paper prints one for this row")
    if attack is not None and paper.threat == "inversion":
        raise UserError(f"{place}.attack: found {shown(attack)}, allowed null, since the metrics name their attacks")


def _check_key(names: tuple[str, ...], printed: Sequence[tuple[str, ...]], keys: tuple[str, ...], place: str) -> None:
    """Check the key part by part, so that the message lists only values that fit the earlier parts."""
    for depth, key in enumerate(keys):
        allowed = dict.fromkeys(row[depth] for row in printed if row[:depth] == names[:depth])
        if names[depth] not in allowed:
            after = f" after {' / '.join(names[:depth])}" if depth else ""
            raise UserError(f"{place}.{key}: found {shown(names[depth])}{after}, allowed {', '.join(allowed)}")
