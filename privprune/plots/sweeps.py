"""Curves of Figures 4a to 4c: which panel each belongs to, and the numbers of its cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from privprune.plots.accuracy_error import Curve, CurvePoint, Swept
from privprune.plots.defended import Defended
from privprune.plots.printed_figures import PrintedFigures
from privprune.plots.selection import NamedCells
from privprune.plots.style import feature_defence, feature_look
from privprune.published import Paper

_TITLES = {"4a": "4a: strength of the defence", "4b": "4b: strength of CEM", "4c": "4c: place of the cut"}
_BESIDE_STRENGTH = ("bottleneck", "bottleneck+cem")  # the curves that Figure 4b compares lambda with


def swept(
    curves: Sequence[NamedCells], cells: Sequence[Defended], attack: str, paper: Paper, printed: PrintedFigures
) -> list[Swept]:
    """Return one panel per printed figure that has a curve of at least two cells.

    Args:
        curves: cells of each curve in their order, with the name of its defence or control.
        cells: the attacked cells of one data set, network and protocol.
        attack: whose MSE is shown.
        paper: how curves are called.
        printed: points that may stand beside the measured ones.

    """
    known = {cell.cell: cell for cell in cells}
    gathered: dict[str, list[Curve]] = {}
    names = [name for name, _ in curves]
    for name, members in curves:
        own = [known[cell] for cell in members if cell in known]
        settings = varied(own)
        found = [_point(cell, attack, said) for cell, said in zip(own, settings, strict=True)]
        points = tuple(one for one in found if one is not None)
        for figure in _figures(name, names) if len(points) > 1 else ():
            read_off = printed.curves(figure).get(name, ())
            gathered.setdefault(figure, []).append(_curve(name, points, read_off, paper))
    return [Swept(title, tuple(gathered[figure])) for figure, title in _TITLES.items() if figure in gathered]


def _figures(name: str, names: Sequence[str]) -> list[str]:
    """Return the printed figures that a curve belongs to."""
    if "lambda" in name:
        return ["4b"]
    if "cut" in name:
        return ["4c"]
    return ["4a", "4b"] if name in _BESIDE_STRENGTH and any("lambda" in one for one in names) else ["4a"]


def _curve(name: str, points: tuple[CurvePoint, ...], printed: tuple[tuple[float, ...], ...], paper: Paper) -> Curve:
    """Return one curve; a defence is drawn as everywhere, a control with its own label."""
    base, cem = feature_defence(name)
    look = feature_look(base, [base])
    if name in paper.controls:
        look, cem = replace(look, label=paper.controls[name]), "cem" in name
    return Curve(look, cem, points, printed)


def varied(cells: Sequence[Defended]) -> list[str]:
    """Return what each cell of a curve is called: the one number of the suite's entry in which they differ."""
    flat = [dict(_leaves("", cell.training.parameters)) for cell in cells]
    names = [name for name in dict.fromkeys(name for one in flat for name in one) if not name.endswith("seed")]
    differ = [name for name in names if len({str(one.get(name)) for one in flat}) > 1]
    values = [one.get(differ[0]) for one in flat] if len(differ) == 1 else []
    if values and all(isinstance(value, int | float) for value in values):
        return [f"{value:g}" for value in values]
    return [""] * len(cells)


def _leaves(prefix: str, content: Any) -> Iterator[tuple[str, Any]]:
    """Return the leaves of nested settings, `defence.strength` for {defence: {strength: ...}}."""
    if not isinstance(content, dict):
        yield prefix, content
        return
    for name, value in content.items():
        yield from _leaves(f"{prefix}.{name}" if prefix else str(name), value)


def _point(cell: Defended, attack: str, label: str) -> CurvePoint | None:
    """Return a cell's accuracy and the attack's error, None where it was not measured."""
    error = cell.measure(attack, "mse")
    return None if error is None else CurvePoint(label, cell.accuracy, error)
