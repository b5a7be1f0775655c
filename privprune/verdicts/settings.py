"""Which cell of a suite stands for which printed row: the suite's section `evaluate.<paper>`."""

from collections.abc import Sequence
from dataclasses import dataclass

from privprune.errors import UserError
from privprune.published import Paper


@dataclass(frozen=True)
class RowSettings:
    """A printed row and the cell that measures it.

    The same row may be given several cells that differ in data set or protocol: the one that matches the print is
    judged, else the first is shown as stand-in data, and the claims are tested on all of them.

    Attributes:
        dataset: as printed.
        model: as printed.
        defence: one of the paper's defences.
        cell: a cell of the suite.
        attack: the attack entry's method whose accuracy is printed; null for a row that prints no attack accuracy.

    """

    dataset: str
    model: str
    defence: str
    cell: str
    attack: str | None


@dataclass(frozen=True)
class ControlSettings:
    """A control that the paper lacks, beside the rows of a printed data set and model.

    Attributes:
        dataset: as printed, of the rows it stands beside.
        model: as printed, of the rows it stands beside.
        control: one of the controls that the paper's file declares.
        cell: a cell of the suite.
        attack: the attack entry's method that is compared.

    """

    dataset: str
    model: str
    control: str
    cell: str
    attack: str


@dataclass(frozen=True)
class EvaluateSettings:
    """What of a suite is held against a paper.

    Attributes:
        rows: printed rows and their cells; a printed row that is not here is `not run`.
        controls: what a referee asks for beside them.
        sweep: cells of attack against test accuracy, in the order of the sweep.

    """

    rows: tuple[RowSettings, ...]
    controls: tuple[ControlSettings, ...]
    sweep: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse the same cell twice at one place."""
        taken: set[tuple[str, ...]] = set()
        for row in self.rows:
            _once((row.dataset, row.model, row.defence, row.cell), taken)
        for control in self.controls:
            _once((control.dataset, control.model, control.control, control.cell), taken)
        for cell in self.sweep:
            _once(("sweep", cell), taken)

    @property
    def cells(self) -> tuple[str, ...]:
        """All cells that must have been measured, in the order they are named, each once."""
        named = [row.cell for row in self.rows] + [control.cell for control in self.controls] + list(self.sweep)
        return tuple(dict.fromkeys(named))

    @property
    def attacked(self) -> tuple[str, ...]:
        """The cells that must also have been attacked."""
        named = [row.cell for row in self.rows if row.attack] + [control.cell for control in self.controls]
        return tuple(dict.fromkeys([*named, *self.sweep]))


def _once(place: tuple[str, ...], taken: set[tuple[str, ...]]) -> None:
    if place in taken:
        raise ValueError(f"{' / '.join(place)} stands here twice")
    taken.add(place)


def check(settings: EvaluateSettings, paper: Paper, where: str) -> None:
    """Check that every row and control belongs to what the paper prints.

    Args:
        settings: the section `evaluate.<paper>`.
        paper: the paper's printed numbers.
        where: the section's place in the suite file, for the message.

    Raises:
        UserError: a row that the paper does not print, a control that it does not declare, or an attack left out.

    """
    printed = [row.key for row in paper.rows]
    for number, row in enumerate(settings.rows):
        place = f"{where}.rows[{number}]"
        _check_key((row.dataset, row.model, row.defence), printed, ("dataset", "model", "defence"), place)
        if row.attack is None and _prints_attack(row, paper):
            raise UserError(f"{place}.attack: found null, allowed an attack, since the paper prints one for this row")
    for number, control in enumerate(settings.controls):
        place = f"{where}.controls[{number}]"
        _check_key((control.dataset, control.model), [key[:2] for key in printed], ("dataset", "model"), place)
        _check_key((control.control,), [(name,) for name in paper.controls], ("control",), place)


def _prints_attack(row: RowSettings, paper: Paper) -> bool:
    wanted = (row.dataset, row.model, row.defence)
    return any(printed.attack for printed in paper.rows if printed.key == wanted)


def _check_key(found: tuple[str, ...], printed: Sequence[tuple[str, ...]], keys: tuple[str, ...], place: str) -> None:
    """Compare part by part, so that the message lists only what fits the parts before."""
    for depth, key in enumerate(keys):
        allowed = dict.fromkeys(row[depth] for row in printed if row[:depth] == found[:depth])
        if found[depth] not in allowed:
            after = f" after {' / '.join(found[:depth])}" if depth else ""
            raise UserError(f"{place}.{key}: found {found[depth]!r}{after}, allowed {', '.join(allowed)}")
