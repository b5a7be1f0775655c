"""The figure of the cross matrix: every cell that was attacked for membership and by inversion, whatever its paper."""

from __future__ import annotations

from collections.abc import Sequence

from privprune.plots import both_threats
from privprune.plots.both_threats import ThreatMark, ThreatPanel
from privprune.plots.conditions import conditions_of
from privprune.plots.drawing import Drawing
from privprune.plots.series import point_of
from privprune.plots.style import defence_identifier, feature_defence, row_look
from privprune.published import attack_label, method_label
from privprune.verdicts import CrossEvaluation
from privprune.verdicts.cross import CrossLine

UNINFORMED = "mean_image_mse"  # error of the mean image as a reconstruction of every image


def draw(matrix: CrossEvaluation) -> list[Drawing]:
    """Draw the matrix by its first membership attack and its first inversion; no drawing where no cell has both."""
    lines = [line for line in matrix.lines if line.membership_possible]
    if not lines:
        return []
    membership, inversion = matrix.membership[0], matrix.inversion[0]
    titles = dict.fromkeys(_title(line) for line in lines)
    panels = [
        _panel(title, [line for line in lines if _title(line) == title], membership, inversion) for title in titles
    ]
    caption = (
        "One mark per cell that was attacked both ways, whichever paper it comes from: further right an inversion "
        "errs more, further down a membership attack guesses less. The lower right is private under both threats; a "
        "defence that moves its cell along one axis only protects against one of them. All marks come from the same "
        f"two attacks ({attack_label(membership)}, {attack_label(inversion)}). Bars are 95 % intervals; filled marks "
        "have CEM; beside each name stands the test accuracy that is left."
    )
    texts = "; ".join(
        f"{one.label}: membership {100 * one.membership.value:.1f} %, MSE {one.error.value:.4f}, "
        f"test {100 * one.accuracy.value:.1f} %"
        for panel in panels
        for one in panel.cells
    )
    alt = f"Scatter of membership accuracy against inversion error in {len(panels)} panels. {texts}."
    return [Drawing("cross", "Every defence under both threats", caption, alt, both_threats.draw(panels))]


def _title(line: CrossLine) -> str:
    """Return the title of the panel of a cell, which all its cells share."""
    return conditions_of(line.cell).words


def _panel(title: str, lines: Sequence[CrossLine], membership: str, inversion: str) -> ThreatPanel:
    """Return one panel."""
    names = [defence_identifier(line.defence) for line in lines]
    marks = tuple(_both(line, name, names, membership, inversion) for line, name in zip(lines, names, strict=True))
    uninformed = next((line.cell.numbers[UNINFORMED].mean for line in lines if UNINFORMED in line.cell.numbers), None)
    return ThreatPanel(title, attack_label(membership), attack_label(inversion), uninformed, marks)


def _both(line: CrossLine, name: str, names: list[str], membership: str, inversion: str) -> ThreatMark:
    """Return one cell's mark; rates in [0, 1]."""
    bases = [feature_defence(other)[0] for other in names]
    base, cem = feature_defence(name)
    return ThreatMark(
        label=method_label(line.defence.lower()) or line.defence,
        look=row_look(base, bases),
        cem=cem,
        accuracy=point_of(line.cell.numbers["test_accuracy"], 0.01),
        membership=point_of(line.cell.attacks[membership].measures["balanced_accuracy"], 0.01),
        error=point_of(line.cell.numbers[f"{inversion}_mse"], 1.0),
    )
