"""Check the suite's section `evaluate` against the papers and the other sections, before anything is trained."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from privprune import published
from privprune.defences import DEFENCES
from privprune.errors import UserError, shown, together
from privprune.pruning import PRUNING
from privprune.published import Paper
from privprune.settings import read
from privprune.verdicts.cross import CROSS, CrossSettings
from privprune.verdicts.own import OWN, OwnSettings
from privprune.verdicts.settings import EvaluateSettings, check


def check_section(
    section: object,
    cells: Collection[str],
    membership: Mapping[str, Sequence[str]],
    inversion: Mapping[str, Sequence[str]],
    file: str,
    without_members: Collection[str] = (),
) -> None:
    """Check that the suite has all cells and attacks that its papers and its matrix of both threats name.

    Args:
        section: the section `evaluate`.
        cells: names of all cells of the suite.
        membership: cell -> its membership attacks, for every cell that has any.
        inversion: the same for inversion attacks.
        file: the suite's file, for messages.
        without_members: cells that need no membership attack: re-identification networks.

    Raises:
        UserError: one line about the first mistake: file, key, found, allowed.

    """
    for name, settings in read_section(section, file).items():
        where = f"{file}: evaluate.{name}"
        if isinstance(settings, CrossSettings):
            _check_cross(settings, cells, membership, inversion, where, without_members)
        elif isinstance(settings, OwnSettings):
            for number, row in enumerate(settings.rows):
                _check_cell(row.cell, cells, f"{where}.rows[{number}]")
        else:
            attacked = {"membership": membership, "inversion": inversion}[published.load(name).threat]
            _check_paper(settings, name, cells, attacked, where)


def read_section(section: object, file: str) -> dict[str, CrossSettings | OwnSettings | EvaluateSettings]:
    """Read the section `evaluate`, whose entries are named after papers.

    Raises:
        UserError: an entry of another name, or a mistake in one.

    """
    names = (*published.names(), OWN, CROSS)
    if not isinstance(section, Mapping):
        raise UserError(f"{file}: evaluate: found {shown(section)}, allowed a mapping of papers: {', '.join(names)}")
    for name in section:
        if name not in names:
            raise UserError(f"{file}: evaluate.{name}: unknown paper, allowed {', '.join(names)}")
    kinds: dict[str, type[Any]] = {CROSS: CrossSettings, OWN: OwnSettings}
    reads = [
        partial(read, kinds.get(name, EvaluateSettings), entry, f"{file}: evaluate.{name}")
        for name, entry in section.items()
    ]
    return dict(zip(section, together(reads), strict=True))


def check_something_evaluated(content: Mapping[str, object], file: str) -> None:
    """Check that a suite that is to run has a page to write.

    Raises:
        UserError: its section `evaluate` is empty.

    """
    if not content["evaluate"]:
        names = ", ".join((*published.names(), OWN, CROSS))
        raise UserError(
            f"{file}: evaluate: found nothing, allowed one or more of {names}; `{OWN}` is for cells of your own"
        )


def _check_paper(
    settings: EvaluateSettings, name: str, cells: Collection[str], attacked: Mapping[str, Sequence[str]], where: str
) -> None:
    paper = published.load(name)
    check(settings, paper, where)
    _check_controls(settings, paper, where)
    needed = settings.attacked(paper.threat)
    named = [(f"{where}.rows", row.cell, row.attack) for row in settings.rows]
    named += [(f"{where}.controls", control.cell, control.attack) for control in settings.controls]
    named += [(f"{where}.curves", cell, None) for cell in settings.in_curves]
    for place, cell, attack in named:
        _check_cell(cell, cells, place)
        if cell in needed:
            _check_attacks(
                (attack,) if attack else (), cell, attacked, f"{place}: cell {shown(cell)} is not attacked", place
            )


def _check_controls(settings: EvaluateSettings, paper: Paper, where: str) -> None:
    """Check that each control is declared in the paper's file, or is the name of a defence or pruning method."""
    for number, control in enumerate(settings.controls):
        if control.control not in (*paper.controls, *DEFENCES, *PRUNING):
            declared = ", ".join(paper.controls)
            raise UserError(
                f"{where}.controls[{number}].control: found {shown(control.control)}, "
                f"allowed {declared}, or the name of a defence or pruning method"
            )


def _check_cross(
    settings: CrossSettings,
    cells: Collection[str],
    membership: Mapping[str, Sequence[str]],
    inversion: Mapping[str, Sequence[str]],
    where: str,
    without_members: Collection[str],
) -> None:
    for number, row in enumerate(settings.rows):
        place = f"{where}.rows[{number}]"
        _check_cell(row.cell, cells, place)
        for kind, wanted, run in (
            *((("methods", settings.membership, membership),) if row.cell not in without_members else ()),
            ("inversions", settings.inversion, inversion),
        ):
            _check_attacks(wanted, row.cell, run, f"{place}: cell {shown(row.cell)} has no attack with {kind}", place)


def _check_cell(cell: str, cells: Collection[str], place: str) -> None:
    if cell not in cells:
        raise UserError(f"{place}.cell: found {shown(cell)}, allowed {', '.join(cells)}")


def _check_attacks(
    wanted: Sequence[str], cell: str, attacked: Mapping[str, Sequence[str]], otherwise: str, place: str
) -> None:
    if cell not in attacked:
        raise UserError(f"{otherwise}, allowed a cell with an entry in `attack`")
    for attack in wanted:
        if attack not in attacked[cell]:
            raise UserError(f"{place}: attack {shown(attack)} on {cell}, allowed {', '.join(attacked[cell])}")
