"""The figures beside the answers that a report begins with: one small panel per question, from the evaluation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from privprune.plots import answer_chart
from privprune.plots.answer_chart import AnswerChart, ChartLine, ChartMark, ChartSeries, shown
from privprune.plots.conditions import Conditions, conditions_of
from privprune.plots.drawing import Drawing
from privprune.plots.edge_cost import COST, cost_words
from privprune.plots.patrol_looks import looks
from privprune.plots.series import point_of
from privprune.plots.style import NEUTRAL, Look, defence_look, feature_defence
from privprune.published import Paper, Question, attack_label
from privprune.verdicts import (
    ComparisonPlace,
    Estimate,
    Evaluation,
    MeasuredCell,
    answers,
    cell_names,
    other_networks,
)
from privprune.verdicts.edge_operations import OPERATIONS
from privprune.verdicts.matched import pareto_front

_ERROR_OF = "decoder_train"
_ERROR = f"{_ERROR_OF}_mse"
_SWEPT, _STOPPED = "mia_pruning", "early_stop"
_NAMED = ("baseline", _SWEPT, "dense_same_epochs", _STOPPED, "random_mask", "dp")  # the others are pale
_EDGES = ("none", "noise", "pruning", "patrol", "pooled_wire", "narrow", "random_channels")
_OTHERS = Look("Other defences", NEUTRAL, "o")
_WITHOUT, _WITH = Look("Without CEM", "#c8500a", "o"), Look("With CEM", "#0067a5", "s")
_GUESS = 50.0  # percent

_Cells = Sequence[tuple[str, MeasuredCell]]  # name of the defence or control, and the cell


@dataclass(frozen=True)
class _Texts:
    """What is written about a chart."""

    title: str
    caption: str


def draw(evaluation: Evaluation, paper: Paper) -> list[Drawing]:
    """Draw one panel per question, in the place that answers it first; none where it would show nothing."""
    drawings = []
    for question in paper.questions:
        place = _place(question, evaluation, paper)
        made = _CHARTS[question.figure](place, evaluation, paper) if place else None
        if made is not None and place is not None:
            drawings.append(_drawing(question, *made, _conditions(place)))
    return drawings


def _place(question: Question, evaluation: Evaluation, paper: Paper) -> ComparisonPlace | None:
    """Return the place where most parts of a question that count were tested, else the one of most cells."""
    answer = next(one for one in answers(evaluation, paper) if one.question == question)
    counted = Counter(one.part.place for clause in answer.clauses if clause.counts for one in clause.parts)
    counted = counted or Counter(role.place for role in evaluation.roles)
    return counted.most_common(1)[0][0] if counted else None


def _conditions(place: ComparisonPlace) -> Conditions:
    return Conditions(place.data, place.network, place.protocol)


def _drawing(question: Question, chart: AnswerChart, texts: _Texts, conditions: Conditions) -> Drawing:
    points = "; ".join(
        f"{one.look.label}: " + ", ".join(f"{mark.x.value:.4g} / {mark.y.value:.4g}" for mark in one.marks)
        for one in chart.series
    )
    alt = f"Scatter plot, {chart.x} / {chart.y}. {points}."
    name = conditions.file_name(f"answer-{question.figure.replace(' ', '_')}")
    title = f"{texts.title} on {conditions.words}"
    return Drawing(name, title, texts.caption, alt, answer_chart.draw(chart), answers=question.figure)


def _attack(place: ComparisonPlace, evaluation: Evaluation, paper: Paper) -> tuple[AnswerChart, _Texts] | None:
    """Chart the accuracy of the attack against that of the network, with the sweep joined."""
    attack = next((role.attack for role in evaluation.roles if role.place == place and role.attack), "")
    found = _accuracy_of(attack)
    swept = [cell for curve in evaluation.curves if curve.name == _SWEPT for cell in curve.cells]
    cells = [(name, cell) for name, cell in _cells(place, evaluation) if found(cell) is not None]
    alone = [(name, cell) for name, cell in cells if cell.cell not in swept]
    series = [
        ChartSeries(replace(defence_look(name), label=paper.labels[name]), _marks(alone, name, _utility, found))
        for name in _NAMED
    ]
    by_name = {cell.cell: cell for _, cell in cells}
    along = [by_name[name] for name in swept if name in by_name]  # in the order of the curve, as they are joined
    joined = shown([_mark(cell, _utility, found, _ratio(cell)) for cell in along])
    if joined:
        look = replace(defence_look(_SWEPT), label=f"{paper.labels[_SWEPT]}, sweep")
        series.append(ChartSeries(look, joined, joined=len(joined) > 1))
    series.append(_background(alone, _NAMED, _utility, found))
    series = [one for one in series if one.marks]
    if not series:
        return None
    name = attack_label(attack)
    caption = (
        f"Balanced accuracy of the attack ({name}) against test accuracy; bars are 95 % intervals. Lower hides more, "
        "further right is more useful. Pruning protects where it lies below the networks of equal test accuracy, the "
        "one that was stopped early among them."
    )
    chart = AnswerChart("Test accuracy (%)", f"Accuracy of the attack, {name} (%)", "linear", tuple(series), (), _GUESS)
    return chart, _Texts("The attack's accuracy at the network's", caption)


def _error(place: ComparisonPlace, evaluation: Evaluation, _: Paper) -> tuple[AnswerChart, _Texts] | None:
    """Chart the error of reconstructions against accuracy, with the front of all cells without CEM."""
    cells = [(name, cell) for name, cell in _cells(place, evaluation) if _of(_ERROR)(cell) and cell.utility]
    of_cut = [(name, cell) for name, cell in cells if "_cut" not in name]
    plain = [cell for name, cell in of_cut if not feature_defence(name)[1]]
    with_cem = [cell for name, cell in of_cut if feature_defence(name)[1]]
    if not of_cut:
        return None
    series = [
        ChartSeries(look, shown([_mark(cell, _utility, _of(_ERROR)) for cell in chosen]), filled=filled)
        for look, chosen, filled in ((_WITHOUT, plain, False), (_WITH, with_cem, True))
        if chosen
    ]
    front = pareto_front((_mean(_utility(cell)), _mean(_of(_ERROR)(cell))) for cell in plain)
    line = ChartLine("Pareto front without CEM", tuple(front), _WITHOUT.colour, (0, (4, 1.6)))
    caption = (
        f"Mean squared error of the reconstruction ({attack_label(_ERROR_OF)}) against test accuracy; bars are 95 % "
        "intervals. Higher hides more, further right is more useful. The line joins the cells without CEM that no "
        "other one without it beats in both; CEM gains something where its marks lie above that line."
    )
    lines = (line,) if len(front) > 1 else ()
    chart = AnswerChart("Test accuracy (%)", "Error of the reconstruction (MSE)", "linear", tuple(series), lines)
    return chart, _Texts("Error at accuracy", _with_networks(caption, cells))


def _edge(place: ComparisonPlace, evaluation: Evaluation, paper: Paper) -> tuple[AnswerChart, _Texts] | None:
    """Chart the error of reconstructions against the operations of the edge, with the utility beside each mark."""
    cost = _of(OPERATIONS)
    found = [(name, cell) for name, cell in _cells(place, evaluation) if _of(_ERROR)(cell)]
    cells = [(name, cell) for name, cell in found if cost(cell)]
    series = [
        ChartSeries(look, _marks(cells, name, cost, _of(_ERROR), _percent))
        for name, look in looks(_EDGES, paper).items()
    ]
    series.append(_background(cells, _EDGES, cost, _of(_ERROR)))
    series = [one for one in series if one.marks]
    if not series:
        return None
    caption = (
        f"Mean squared error of the reconstruction ({attack_label(_ERROR_OF)}) against the operations that the edge "
        "does for one image; bars are 95 % intervals, beside each mark stands the utility of the network (mAP, or test "
        "accuracy). Higher hides more, further left is cheaper: PATROL is worth its cost where no mark of equal "
        f"utility lies higher or further left. {cost_words((paper.labels[name], cell) for name, cell in found)}"
    )
    chart = AnswerChart(COST, "Error of the reconstruction (MSE)", "log", tuple(series))
    return chart, _Texts("Error at the operations of the edge", _with_networks(caption, found))


def _with_networks(caption: str, cells: _Cells) -> str:
    """Add to a caption which decoders are not the papers'."""
    return " ".join(filter(None, (caption, other_networks(cell for _, cell in cells))))


_Value = Callable[[MeasuredCell], Estimate | None]
_Maker = Callable[[ComparisonPlace, Evaluation, Paper], tuple[AnswerChart, _Texts] | None]
_CHARTS: Mapping[str, _Maker] = {"attack at accuracy": _attack, "error at accuracy": _error, "error at edge": _edge}


def _cells(place: ComparisonPlace, evaluation: Evaluation) -> list[tuple[str, MeasuredCell]]:
    """Return the cells of a place, each once and with its first name: rows and controls, then those of curves."""
    names = {role.cell: role.name for role in reversed(evaluation.roles) if role.place == place}
    everywhere = cell_names(evaluation)
    names |= {cell: everywhere[cell] for cell in evaluation.sweep if cell not in names}
    cells = [(name, evaluation.cell(cell)) for cell, name in names.items()]
    there = place.data, place.protocol
    order = list(dict.fromkeys(names.values()))
    found = [(name, cell) for name, cell in cells if (conditions_of(cell).data, cell.protocol) == there]
    return sorted(found, key=lambda one: order.index(one[0]))


def _marks(cells: _Cells, name: str, x: _Value, y: _Value, label: _Label | None = None) -> tuple[ChartMark, ...]:
    """Return the marks of a name; the first, which is its row where it has one, has the label."""
    named = [cell for other, cell in cells if other == name]
    return shown([_mark(cell, x, y, label(cell) if label and cell is named[0] else "") for cell in named])


def _background(cells: _Cells, named: Sequence[str], x: _Value, y: _Value) -> ChartSeries:
    marks = shown([_mark(cell, x, y) for name, cell in cells if name not in named])
    return ChartSeries(_OTHERS, marks, background=True)


def _mark(cell: MeasuredCell, x: _Value, y: _Value, label: str = "") -> ChartMark | None:
    across, up = x(cell), y(cell)
    return None if across is None or up is None else ChartMark(point_of(across), point_of(up), label)


_Label = Callable[[MeasuredCell], str]


def _utility(cell: MeasuredCell) -> Estimate | None:
    return cell.utility


def _of(metric: str) -> _Value:
    return lambda cell: cell.numbers.get(metric)


def _accuracy_of(attack: str) -> _Value:
    return lambda cell: cell.attacks[attack].measures.get("balanced_accuracy") if attack in cell.attacks else None


def _mean(estimate: Estimate | None) -> float:
    return 0.0 if estimate is None else estimate.mean


def _percent(cell: MeasuredCell) -> str:
    return f"{cell.utility.mean:.0f} %" if cell.utility else ""


def _ratio(cell: MeasuredCell) -> str:
    ratio = cell.numbers.get("weights_ratio")
    return f"{ratio.mean:.3g}\N{MULTIPLICATION SIGN}" if ratio else ""
