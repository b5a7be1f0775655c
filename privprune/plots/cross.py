"""The figure of the cross matrix: every cell that was attacked for membership and by inversion, whatever its paper."""

from __future__ import annotations

from collections.abc import Sequence

from privprune.plots import both_threats
from privprune.plots.both_threats import Both, Place
from privprune.plots.drawing import Drawing
from privprune.plots.series import Point
from privprune.plots.style import attack_label, called, feature_defence, row_look
from privprune.verdicts import CrossEvaluation, Estimate
from privprune.verdicts.cross import CrossLine

UNINFORMED = "mean_image_mse"  # the error of answering the mean image whatever was sent


def draw(matrix: CrossEvaluation) -> list[Drawing]:
    """Draw the matrix by its first membership attack and its first inversion, nothing where no cell has both."""
    lines = [line for line in matrix.lines if line.membership_possible]
    if not lines:
        return []
    asked, rebuilt = matrix.membership[0], matrix.inversion[0]
    titles = dict.fromkeys(_title(line) for line in lines)
    places = [_place(title, [line for line in lines if _title(line) == title], asked, rebuilt) for title in titles]
    caption = (
        "One mark per cell that was attacked both ways, whichever paper it comes from: further right an inversion "
        "errs more, further down a membership attack guesses less. The lower right is private under both threats; a "
        "defence that moves its cell along one axis only protects against one of them. All marks come from the same "
        f"two attacks ({attack_label(asked)}, {attack_label(rebuilt)}). Bars are 95 % intervals; filled marks have "
        "CEM; beside each name stands the test accuracy that is left."
    )
    said = "; ".join(
        f"{one.label}: membership {100 * one.membership.value:.1f} %, MSE {one.error.value:.4f}, "
        f"test {100 * one.accuracy.value:.1f} %"
        for place in places
        for one in place.cells
    )
    alt = f"Scatter of membership accuracy against inversion error in {len(places)} panels. {said}."
    return [Drawing("cross", "Every defence under both threats", caption, alt, both_threats.draw(places))]


def _title(line: CrossLine) -> str:
    """Return what cells of one panel share."""
    return f"{line.cell.data}, {line.cell.model}, protocol {line.cell.protocol}"


def _place(title: str, lines: Sequence[CrossLine], asked: str, rebuilt: str) -> Place:
    """Return one panel."""
    names = [called(line.defence) for line in lines]
    marks = tuple(_both(line, name, names, asked, rebuilt) for line, name in zip(lines, names, strict=True))
    uninformed = next((line.cell.numbers[UNINFORMED].mean for line in lines if UNINFORMED in line.cell.numbers), None)
    return Place(title, attack_label(asked), attack_label(rebuilt), uninformed, marks)


def _both(line: CrossLine, name: str, names: list[str], asked: str, rebuilt: str) -> Both:
    """Return one cell's mark; rates in [0, 1]."""
    bases = [feature_defence(other)[0] for other in names]
    base, cem = feature_defence(name)
    return Both(
        label=line.defence,
        look=row_look(base, bases),
        cem=cem,
        accuracy=_point(line.cell.numbers["test_accuracy"], 0.01),
        membership=_point(line.cell.attacks[asked].measures["balanced_accuracy"], 0.01),
        error=_point(line.cell.numbers[f"{rebuilt}_mse"], 1.0),
    )


def _point(found: Estimate, unit: float) -> Point:
    """Return a measured value with its interval, in other units."""
    low, high = (None if end is None else unit * end for end in (found.low, found.high))
    return Point(unit * found.mean, low, high)
