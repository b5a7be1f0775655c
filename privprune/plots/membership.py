"""The figures about membership inference, drawn from records, each with its caption."""

from __future__ import annotations

from collections.abc import Sequence

from privprune.plots import roc, tradeoff, training_curves, weight_histograms
from privprune.plots.conditions import Conditions, by_conditions
from privprune.plots.drawing import Drawing
from privprune.plots.membership_cells import (
    PAPER_DEFENCES,
    MembershipCell,
    attack_names,
    histograms,
    in_palette_order,
    in_rows,
    in_sweep,
    mark,
    membership_cells,
    one_of_each_kind,
    roc_panels,
    sweep,
    tradeoff_panels,
    training_columns,
)
from privprune.published import attack_label
from privprune.records import Record
from privprune.verdicts import Evaluation

_JOINED = "Joined marks are MIA-Pruning at growing sparsity, labelled with how many times fewer weights are left. "


def draw(records: Sequence[Record], evaluation: Evaluation) -> list[Drawing]:
    """Draw every figure for which the records have the numbers, one set of figures per data, model and protocol.

    Args:
        records: all records of one paper.
        evaluation: which cells stand for rows and controls, and which form the sweep.

    """
    drawings: list[Drawing] = []
    swept = by_conditions(membership_cells(records, in_sweep(evaluation)))
    for conditions, in_conditions in by_conditions(membership_cells(records, in_rows(evaluation))).items():
        cells = in_palette_order(in_conditions)
        drawings += _training(conditions, cells)
        drawings += _weights(conditions, cells)
        drawings += _tradeoff(conditions, cells, swept.get(conditions, []))
        drawings += _roc(conditions, cells)
    return drawings


def _training(conditions: Conditions, cells: Sequence[MembershipCell]) -> list[Drawing]:
    """Draw Figure 2."""
    columns = training_columns(cells)
    if not columns:
        return []
    ends = "; ".join(
        f"{column.title}: final loss {column.loss.mean[-1]:.3g}"
        + (f", final attack accuracy {100 * column.attack.mean[-1]:.1f} %" if column.attack.mean else "")
        for column in columns
    )
    attacks = " and ".join(dict.fromkeys(attack_label(cell.attack) for cell in cells if cell.attack))
    caption = (
        "Upper row: the classifier's loss per epoch on its training records. Lower row: test accuracy of the attack "
        f"({attacks or 'none was run'}) while it trains against the finished classifier; the dashed line is a blind "
        "guess. Lines are means over seeds, bands the range of the seeds, dotted lines begin a phase. See whether "
        "MIA-Pruning settles in fewer than 20 epochs at the highest loss, and whether the attack then stays lower, as "
        "the paper says of its Figure 2."
    )
    alt = f"Line charts in {len(columns)} columns, loss above and attack accuracy below. {ends}."
    figure = training_curves.draw(columns)
    return [
        Drawing(conditions.file_name("figure2"), f"As Figure 2: training on {conditions.words}", caption, alt, figure)
    ]


def _weights(conditions: Conditions, cells: Sequence[MembershipCell]) -> list[Drawing]:
    """Draw Figure 3."""
    panels = histograms(cells)
    if not panels:
        return []
    totals = "; ".join(f"{panel.title}: {sum(panel.counts):,.0f} weights that are not zero" for panel in panels)
    caption = (
        "Weights of the first seed's network, zeros left out, counts on a logarithmic axis; all panels share both "
        "axes. See that pruning leaves few weights, and which: the small ones are gone, the large ones stay."
    )
    alt = f"{len(panels)} histograms of weights side by side. {totals}."
    figure = weight_histograms.draw(panels)
    return [
        Drawing(conditions.file_name("figure3"), f"As Figure 3: weights on {conditions.words}", caption, alt, figure)
    ]


def _tradeoff(
    conditions: Conditions, cells: Sequence[MembershipCell], swept: Sequence[MembershipCell]
) -> list[Drawing]:
    """Draw the attack's measures against test accuracy."""
    attack = next((cell.attack for cell in cells if cell.attack), "")
    panels = tradeoff_panels([*cells, *swept], attack)
    if not panels:
        return []
    named = [(attack_label(name), measure) for name, measure in panels]
    lines = [sweep(swept, panels)] if swept else []
    in_line = {cell.cell for cell in swept}
    marks = [mark(cell, panels) for cell in cells if cell.attacked and cell.cell not in in_line]
    points = "; ".join(
        f"{one.look.label} {one.label}".strip() + f": test {100 * one.accuracy.value:.1f} %, attack {_value(one)}"
        for one in [*marks, *(one for line in lines for one in line.marks)]
    )
    caption = (
        "Each mark is one cell: further right is more useful, further down more private. Bars are the attack's 95 % "
        f"intervals and the range of the seeds in test accuracy. {_JOINED if swept else ''}A defence protects where it "
        "lies below the marks of equal test accuracy, the controls among them; along one falling line it only trades "
        "accuracy for privacy."
    )
    alt = f"Scatter of attack measures against test accuracy, first panel {named[0][0]}, {named[0][1].label}. {points}."
    figure = tradeoff.draw(named, lines, marks)
    return [
        Drawing(
            conditions.file_name("tradeoff"), f"Privacy against utility on {conditions.words}", caption, alt, figure
        )
    ]


def _value(mark: tradeoff.TradeoffMark) -> str:
    """Return the attack's measure in the first panel, for the text that replaces the picture."""
    first = mark.attack[0]
    return "not measured" if first is None else f"{100 * first.value:.1f} %"


def _roc(conditions: Conditions, cells: Sequence[MembershipCell]) -> list[Drawing]:
    """Draw the ROC curves: the defences in one figure, the controls beside baseline and pruning in another."""
    in_paper = [cell for cell in cells if cell.defence in (*PAPER_DEFENCES, "dp")]
    others = [cell for cell in cells if cell not in in_paper]
    reference = [cell for cell in in_paper if cell.defence in ("baseline", "mia_pruning")]
    drawings = [_roc_of(conditions.file_name("roc"), f"ROC curves on {conditions.words}", in_paper)]
    if others:
        title = f"ROC curves of the controls on {conditions.words}"
        drawings.append(_roc_of(conditions.file_name("roc-controls"), title, [*reference, *others]))
    return [drawing for drawing in drawings if drawing is not None]


def _roc_of(name: str, title: str, cells: Sequence[MembershipCell]) -> Drawing | None:
    """Draw one figure of ROC curves, or nothing where no attack has a curve."""
    panels = roc_panels(cells)
    if not panels:
        return None
    caption = (
        "One panel per attack, one curve per defence, both axes logarithmic; the dashed line is a blind guess. Bands "
        "are 95 % intervals, left out where more than eight would overlap. Read the curves at the left edge: an attack "
        "that finds members while hardly ever accusing a non-member is what harms (Carlini et al. 2022). In the grey "
        "part a rate would be less than one record of one seed, so curves there say little."
    )
    names = attack_names(cells)
    if left_out := len(names) - len(one_of_each_kind(cells, names)):
        caption += f" {left_out} variants of these attacks are left out; the tables have them."
    labels = ", ".join(dict.fromkeys(look.label for panel in panels for look, _ in panel.curves))
    alt = f"{len(panels)} log-log ROC panels ({', '.join(panel.title for panel in panels)}) with curves of {labels}."
    return Drawing(name, title, caption, alt, roc.draw(panels))
