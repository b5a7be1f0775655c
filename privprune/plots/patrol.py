"""PATROL's figures: reconstructions per method, privacy against utility and cost, depth of cut, Lipschitz constant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from privprune.plots import cloud, gallery, scatter
from privprune.plots.cloud import ReconstructionPanel
from privprune.plots.conditions import Conditions, by_conditions, conditions_of
from privprune.plots.drawing import Drawing
from privprune.plots.edge_cost import COST, cost_words
from privprune.plots.patrol_looks import CUTS, SMALLER, looks
from privprune.plots.scatter import ScatterMark, ScatterPanel
from privprune.plots.series import Point, point_of
from privprune.plots.style import Look
from privprune.published import Paper, attack_label
from privprune.records import Record
from privprune.verdicts import Estimate, Evaluation, MeasuredCell, cell_names
from privprune.verdicts.cell_of_record import attack_records
from privprune.verdicts.edge_operations import OPERATIONS

_ATTACK = "decoder_train"
_ERROR = f"{_ATTACK}_mse"
_FILLED = ("the whole edge", "pruned, or as narrow")
_WORDS = (
    "One mark per cell; bars are 95 % intervals. Lines join the cells of one method at growing strength, or the "
    "undefended network at growing depth of its cut."
)


@dataclass(frozen=True)
class PatrolCell:
    """A measured cell with the name of its method."""

    name: str
    cell: MeasuredCell
    look: Look

    @property
    def smaller(self) -> bool:
        """Whether its edge was pruned, or made as narrow as a pruned one."""
        return self.name in SMALLER

    @property
    def conditions(self) -> Conditions:
        """Data, model and protocol of the cell."""
        return conditions_of(self.cell)


_Value = Callable[[PatrolCell], Estimate | None]


def draw(records: Sequence[Record], evaluation: Evaluation, paper: Paper) -> list[Drawing]:
    """Draw every figure for which the evaluation has the numbers, one set per data, network and protocol."""
    attacks = attack_records(records, "inversion")
    methods = {role.cell for role in evaluation.roles}  # without the other strengths of a method, which curves show
    drawings = []
    for conditions, cells in by_conditions(_patrol_cells(evaluation, paper)).items():
        drawings += _gallery(conditions, [one for one in cells if one.cell.cell in methods], attacks)
        drawings += _tradeoff(conditions, cells, evaluation)
        drawings += _mechanisms(conditions, cells, evaluation)
    return drawings


def _patrol_cells(evaluation: Evaluation, paper: Paper) -> list[PatrolCell]:
    """Return every inverted cell with its name, in the order of the paper's file, others last."""
    named = cell_names(evaluation)
    names = {cell.cell: named[cell.cell] for cell in evaluation.cells if cell.inversions}
    drawn = looks(names.values(), paper)
    order = list(dict.fromkeys([*paper.labels, *names.values()]))
    cells = [
        PatrolCell(names[cell.cell], cell, drawn[names[cell.cell]]) for cell in evaluation.cells if cell.cell in names
    ]
    return sorted(cells, key=lambda one: order.index(one.name))


def _gallery(conditions: Conditions, cells: Sequence[PatrolCell], attacks: dict[str, Record]) -> list[Drawing]:
    """Draw the original beside the reconstructions of the decoder from each method's features."""
    attacked = [(one, attacks[one.cell.cell].panels) for one in cells if one.cell.cell in attacks]
    shown = [(one, panels) for one, panels in attacked if {"original", _ATTACK} <= set(panels)]
    if not shown:
        return []
    panels = [
        ReconstructionPanel(one.look.label, one.look, cloud.decode(panels[_ATTACK]), _numbers(one))
        for one, panels in shown
    ]
    name = attack_label(_ATTACK)
    caption = (
        "The original, which never leaves the device, and what an attacker in the cloud rebuilt from what was sent, by "
        f"one and the same attack ({name}), trained anew against each network, which it knows. MSE and SSIM (zero "
        "padding) are means over seeds and all scored images with 95 % intervals. Recognised: by an independent "
        "network. Shown are the first images of each record."
    )
    texts = "; ".join(f"{panel.label}: {', '.join(panel.numbers)}" for panel in panels)
    alt = f"A photograph and {len(panels)} reconstructions by the attack {name}. {texts}."
    figure = gallery.draw(cloud.decode(shown[0][1]["original"]), panels)
    title = f"What the cloud sees: {name} on {conditions.words}"
    return [Drawing(conditions.file_name("cloud"), title, caption, alt, figure, leads=True)]


def _numbers(one: PatrolCell) -> tuple[str, ...]:
    """Return a panel's numbers, one text per line."""
    texts = []
    for metric, label, decimals in (("mse", "MSE", 4), ("ssim", "SSIM", 3)):
        if estimate := one.cell.numbers.get(f"{_ATTACK}_{metric}"):
            texts.append(f"{label} {point_of(estimate).text(decimals)}")
    if estimate := one.cell.numbers.get(f"{_ATTACK}_recognised"):
        texts.append(f"Recognised {estimate.mean:.1f} %")
    if estimate := one.cell.utility:
        texts.append(f"{_utility([one])} {estimate.mean:.1f} %")
    return tuple(texts)


def _utility(cells: Sequence[PatrolCell]) -> str:
    """Return the name of the measure of utility of the cells."""
    return "mAP" if any("mean_average_precision" in one.cell.numbers for one in cells) else "Test accuracy"


def _tradeoff(conditions: Conditions, cells: Sequence[PatrolCell], evaluation: Evaluation) -> list[Drawing]:
    """Draw error and recognition against utility, and error and utility against the operations of the edge."""
    utility = f"{_utility(cells)} (%)"
    charts = [
        _chart("Error at utility", utility, _MSE, _utility_of, _of(_ERROR), cells, evaluation),
        _chart(
            "Recognised at utility", utility, _RECOGNISED, _utility_of, _of(f"{_ATTACK}_recognised"), cells, evaluation
        ),
        _chart("Error at operations of the edge", COST, _MSE, _operations, _of(_ERROR), cells, evaluation),
        _chart("Utility at operations of the edge", COST, utility, _operations, _utility_of, cells, evaluation),
    ]
    caption = (
        f"{_WORDS} A method helps where its mark lies above the others at equal utility, or at equal operations of the "
        "edge: an error alone can be bought with either. Marks further right in the lower panels make the device "
        f"compute more. {cost_words([(one.look.label, one.cell) for one in cells])}"
    )
    title = f"Privacy against utility and cost on {conditions.words}"
    return _scatter("tradeoff", title, conditions, charts, caption)


def _mechanisms(conditions: Conditions, cells: Sequence[PatrolCell], evaluation: Evaluation) -> list[Drawing]:
    """Draw the error per number of blocks on the edge and against the edge's Lipschitz constant."""
    depth = _depth(cells, evaluation)
    charts = [
        ScatterPanel("Error per cut, no defence", "Blocks on the edge", _MSE, "count", (), (depth,) if depth else ()),
        _chart(
            "Error at Lipschitz constant", "Local Lipschitz constant of the edge", _MSE, _of("edge_lipschitz"),
            _of(_ERROR), cells, evaluation,
        ),
    ]  # fmt: skip
    caption = (
        f"{_WORDS} Left: what the depth of the cut alone does. Right: the constant is measured under small Gaussian "
        "noise, with features divided by their root mean square; the paper says that a smaller one raises the error."
    )
    return _scatter("mechanisms", f"Depth and Lipschitz constant on {conditions.words}", conditions, charts, caption)


def _depth(cells: Sequence[PatrolCell], evaluation: Evaluation) -> tuple[ScatterMark, ...]:
    """Return the undefended networks by the number of blocks on the edge, including those that have other roles."""
    by_name = {one.cell.cell: one for one in cells}
    cuts = sorted((role.name, role.cell) for role in evaluation.roles if role.name.startswith(CUTS))
    return tuple(
        ScatterMark(by_name[cell].look, False, "", Point(float(name.removeprefix(CUTS)), None, None), point_of(error))
        for name, cell in cuts
        if cell in by_name and (error := by_name[cell].cell.numbers.get(_ERROR))
    )


_MSE = f"MSE: {attack_label(_ATTACK)}"
_RECOGNISED = "Reconstructions recognised (%)"


def _utility_of(one: PatrolCell) -> Estimate | None:
    return one.cell.utility


def _of(metric: str) -> _Value:
    return lambda one: one.cell.numbers.get(metric)


_operations = _of(OPERATIONS)


def _chart(
    title: str, x: str, y: str, of_x: _Value, of_y: _Value, cells: Sequence[PatrolCell], evaluation: Evaluation
) -> ScatterPanel:
    """Return one panel; cells without one of the two quantities are left out."""
    marks = {one.cell.cell: mark for one in cells if (mark := _mark(one, of_x(one), of_y(one))) is not None}
    known = [[cell for cell in curve.cells if cell in marks] for curve in evaluation.curves]
    joined = [along for along in known if len(along) > 1]
    curves = tuple(tuple(marks[cell] for cell in along) for along in joined)
    alone = tuple(mark for cell, mark in marks.items() if not any(cell in along for along in joined))
    return ScatterPanel(title, x, y, "log" if x == COST else "linear", alone, curves)


def _mark(one: PatrolCell, x: Estimate | None, y: Estimate | None) -> ScatterMark | None:
    if x is None or y is None:
        return None
    label = f"B{one.name.removeprefix(CUTS)}" if one.name.startswith(CUTS) else ""
    return ScatterMark(one.look, one.smaller, label, point_of(x), point_of(y))


def _scatter(
    kind: str, title: str, conditions: Conditions, charts: Sequence[ScatterPanel], caption: str
) -> list[Drawing]:
    """Draw the panels that have a mark; no drawing where none has."""
    panels = [chart for chart in charts if chart.all]
    if not panels:
        return []
    texts = "; ".join(
        f"{chart.title}: " + ", ".join(f"{one.look.label} {one.x.value:.4g} / {one.y.value:.4g}" for one in chart.all)
        for chart in panels
    )
    alt = f"Scatter plots in {len(panels)} panels. {texts}."
    figure = scatter.draw(panels, _FILLED)
    return [Drawing(conditions.file_name(kind), title, caption, alt, figure)]
