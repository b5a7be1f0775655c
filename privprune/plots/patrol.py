"""PATROL's figures: what the cloud sees of each method, what each costs, and how deep cuts and small constants help."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from privprune.plots import cloud, gallery, scatter
from privprune.plots.cloud import Rebuilt
from privprune.plots.drawing import Drawing, file_name
from privprune.plots.scatter import Chart, Spot
from privprune.plots.selection import inverted, named_curves, target
from privprune.plots.series import Point
from privprune.plots.style import Look, attack_label
from privprune.published import Paper
from privprune.records import Record
from privprune.verdicts import Estimate, Evaluation, MeasuredCell

_ATTACK = "decoder_train"
_ERROR = f"{_ATTACK}_mse"
_FILLED = ("the whole edge", "pruned edge")
_PRUNED = (
    *("pruning", "pruning+lipschitz", "pruning+adversarial", "patrol", "patrol+cem"),
    *("patrol_share", "patrol_lipschitz", "patrol_game", "patrol_depth"),
)
_CUTS = "blocks_"  # begins the names of the controls that cut the undefended network elsewhere
# Method -> colour and marker; with and without pruning a method is drawn the same, but for its filling.
_LOOKS = {
    "none": ("#4d4d4d", "o"),
    "noise": ("#b0305c", "*"),
    "dropout": ("#a3418c", "D"),
    "skip_random_blocks": ("#5b5ea6", "h"),
    "skip_no_shortcuts": ("#5f6b1f", "8"),
    "unpruned": ("#00808a", "p"),
    "pruning": ("#0067a5", "s"),
    "lipschitz": ("#c8500a", "^"),
    "pruning+lipschitz": ("#c8500a", "^"),
    "adversarial": ("#0b8062", "v"),
    "pruning+adversarial": ("#0b8062", "v"),
    "lipschitz+adversarial": ("#9a6b00", "X"),
    "patrol": ("#9a6b00", "X"),
    "patrol_share": ("#9a6b00", "s"),
    "patrol_lipschitz": ("#9a6b00", "^"),
    "patrol_game": ("#9a6b00", "v"),
    "patrol_depth": ("#9a6b00", "o"),
    "patrol+cem": ("#6b7a00", "P"),
    "resfl": ("#7b5141", "<"),
    "bottleneck": ("#3a3a8c", ">"),
}
_WORDS = (
    "One mark per cell; bars are 95 % intervals. Lines join the cells of one method at growing strength, or the "
    "undefended network at growing depth of its cut."
)


@dataclass(frozen=True)
class Shown:
    """A cell under the name of its method."""

    name: str
    cell: MeasuredCell
    look: Look

    @property
    def pruned(self) -> bool:
        """Whether its edge was pruned."""
        return self.name in _PRUNED

    @property
    def utility(self) -> Estimate | None:
        """Mean average precision, or accuracy."""
        return self.cell.utility


_Setting = tuple[str, str, str]
_Value = Callable[[Shown], Estimate | None]


def draw(records: Sequence[Record], evaluation: Evaluation, paper: Paper) -> list[Drawing]:
    """Draw every figure that the evaluation holds the numbers for, one set per data, network and protocol."""
    attacks = {target(record): record for record in records if record.stage == "attack" and inverted(record)}
    found = _shown(evaluation, paper)
    methods = {role.cell for role in evaluation.roles}  # without other strengths of the same, which curves show
    drawings = []
    for setting in dict.fromkeys(_setting(one.cell) for one in found):
        cells = [one for one in found if _setting(one.cell) == setting]
        drawings += _gallery(setting, [one for one in cells if one.cell.cell in methods], attacks)
        drawings += _tradeoff(setting, cells, evaluation)
        drawings += _mechanisms(setting, cells, evaluation)
    return drawings


def look(name: str, paper: Paper) -> Look:
    """Return how a method is drawn."""
    colour, marker = _LOOKS.get("none" if name.startswith(_CUTS) else name, ("#57606a", "d"))
    label = paper.labels[name] if not name.startswith(_CUTS) else paper.labels["none"]
    return Look(label, colour, marker)


def _setting(cell: MeasuredCell) -> _Setting:
    return cell.data, cell.model, cell.protocol


def _shown(evaluation: Evaluation, paper: Paper) -> list[Shown]:
    """Return every inverted cell under its first role, or its curve's name, in the order of the paper's methods."""
    names = {cell: name for name, cells in reversed(named_curves(evaluation)) for cell in cells}
    names |= {role.cell: role.name for role in reversed(evaluation.roles)}
    order = list(paper.labels)
    found = [
        Shown(names[cell.cell], cell, look(names[cell.cell], paper)) for cell in evaluation.cells if cell.inversions
    ]
    return sorted(found, key=lambda one: order.index(one.name))


def _gallery(setting: _Setting, cells: Sequence[Shown], attacks: dict[str, Record]) -> list[Drawing]:
    """Draw the original beside what the decoder rebuilt of each method's features."""
    held = [(one, attacks[one.cell.cell].panels) for one in cells if one.cell.cell in attacks]
    shown = [(one, panels) for one, panels in held if {"original", _ATTACK} <= set(panels)]
    if not shown:
        return []
    panels = [Rebuilt(_called(one), one.look, cloud.decode(panels[_ATTACK]), _numbers(one)) for one, panels in shown]
    name = attack_label(_ATTACK)
    caption = (
        "The original, which never leaves the device, and what an attacker in the cloud rebuilt from what was sent, by "
        f"one and the same attack ({name}), trained anew against each network, which it knows. MSE and SSIM are means "
        "over seeds and all scored images with 95 % intervals. Recognised: by an independent network."
    )
    said = "; ".join(f"{panel.label}: {', '.join(panel.numbers)}" for panel in panels)
    alt = f"A photograph and {len(panels)} reconstructions by the attack {name}. {said}."
    figure = gallery.draw(cloud.decode(shown[0][1]["original"]), panels)
    title = f"What the cloud sees: {name} on {_words(setting)}"
    return [Drawing(file_name(["cloud", *setting]), title, caption, alt, figure, leads=True)]


def _called(one: Shown) -> str:
    """Return a panel's name; cuts of the undefended network are told apart by their number of blocks."""
    return f"{one.look.label}, B{one.name.removeprefix(_CUTS)}" if one.name.startswith(_CUTS) else one.look.label


def _numbers(one: Shown) -> tuple[str, ...]:
    """Return a panel's numbers, one text per line."""
    texts = []
    for metric, label, decimals in (("mse", "MSE", 4), ("ssim", "SSIM", 3)):
        if found := one.cell.numbers.get(f"{_ATTACK}_{metric}"):
            texts.append(f"{label} {found.mean:.{decimals}f}{_ends(found, decimals)}")
    if found := one.cell.numbers.get(f"{_ATTACK}_recognised"):
        texts.append(f"Recognised {found.mean:.1f} %")
    if found := one.utility:
        texts.append(f"{_utility([one])} {found.mean:.1f} %")
    return tuple(texts)


def _ends(found: Estimate, decimals: int) -> str:
    return "" if found.low is None or found.high is None else f" [{found.low:.{decimals}f}, {found.high:.{decimals}f}]"


def _utility(cells: Sequence[Shown]) -> str:
    """Say what the networks are good for."""
    return "mAP" if any("mean_average_precision" in one.cell.numbers for one in cells) else "Test accuracy"


def _tradeoff(setting: _Setting, cells: Sequence[Shown], evaluation: Evaluation) -> list[Drawing]:
    """Draw error and recognition against utility, and error against the size of the edge."""
    utility = f"{_utility(cells)} (%)"
    charts = [
        _chart("Error at utility", utility, _MSE, _utility_of, _of(_ERROR), cells, evaluation),
        _chart(
            "Recognised at utility", utility, _RECOGNISED, _utility_of, _of(f"{_ATTACK}_recognised"), cells, evaluation
        ),
        _chart(
            "Error at size of the edge", "Edge parameters", _MSE, _of("edge_parameters"), _of(_ERROR), cells, evaluation
        ),
        _chart(
            "Utility at size of the edge", "Edge parameters", utility, _of("edge_parameters"), _utility_of, cells,
            evaluation,
        ),
    ]  # fmt: skip
    caption = (
        f"{_WORDS} A method helps where its mark lies above the others at equal utility, or at equal size of the edge: "
        "an error alone can be bought with either. Marks further right in the lower panels need a larger device."
    )
    title = f"Privacy against utility and cost on {_words(setting)}"
    return _scatter("tradeoff", title, setting, charts, caption)


def _mechanisms(setting: _Setting, cells: Sequence[Shown], evaluation: Evaluation) -> list[Drawing]:
    """Draw the error per number of blocks on the edge and against the edge's Lipschitz constant."""
    depth = _depth(cells, evaluation)
    charts = [
        Chart("Error per cut, no defence", "Blocks on the edge", _MSE, "count", (), (depth,) if depth else ()),
        _chart(
            "Error at Lipschitz constant", "Local Lipschitz constant of the edge", _MSE, _of("edge_lipschitz"),
            _of(_ERROR), cells, evaluation,
        ),
    ]  # fmt: skip
    caption = (
        f"{_WORDS} Left: what the depth of the cut alone does. Right: the constant is measured under small Gaussian "
        "noise, with features divided by their root mean square; the paper says that a smaller one raises the error."
    )
    return _scatter("mechanisms", f"Depth and Lipschitz constant on {_words(setting)}", setting, charts, caption)


def _depth(cells: Sequence[Shown], evaluation: Evaluation) -> tuple[Spot, ...]:
    """Return the undefended networks by the number of their blocks on the edge, whatever else they stand for."""
    own = {one.cell.cell: one for one in cells}
    cuts = sorted((role.name, role.cell) for role in evaluation.roles if role.name.startswith(_CUTS))
    return tuple(
        Spot(own[cell].look, False, "", Point(float(name.removeprefix(_CUTS)), None, None), _point(error))
        for name, cell in cuts
        if cell in own and (error := own[cell].cell.numbers.get(_ERROR))
    )


_MSE = f"MSE: {attack_label(_ATTACK)}"
_RECOGNISED = "Reconstructions recognised (%)"


def _utility_of(one: Shown) -> Estimate | None:
    return one.utility


def _of(metric: str) -> _Value:
    return lambda one: one.cell.numbers.get(metric)


def _chart(
    title: str, x: str, y: str, of_x: _Value, of_y: _Value, cells: Sequence[Shown], evaluation: Evaluation
) -> Chart:
    """Return one panel; cells without one of its two quantities are left out of it."""
    spots = {one.cell.cell: spot for one in cells if (spot := _spot(one, of_x(one), of_y(one))) is not None}
    known = [[cell for cell in members if cell in spots] for _, members in named_curves(evaluation)]
    joined = [own for own in known if len(own) > 1]
    curves = tuple(tuple(spots[cell] for cell in own) for own in joined)
    alone = tuple(spot for cell, spot in spots.items() if not any(cell in own for own in joined))
    return Chart(title, x, y, "log" if "parameters" in x else "linear", alone, curves)


def _spot(one: Shown, x: Estimate | None, y: Estimate | None) -> Spot | None:
    if x is None or y is None:
        return None
    label = f"B{one.name.removeprefix(_CUTS)}" if one.name.startswith(_CUTS) else ""
    return Spot(one.look, one.pruned, label, _point(x), _point(y))


def _point(found: Estimate) -> Point:
    return Point(found.mean, found.low, found.high)


def _scatter(kind: str, title: str, setting: _Setting, charts: Sequence[Chart], caption: str) -> list[Drawing]:
    """Draw the panels that have a mark, nothing where none has."""
    shown = [chart for chart in charts if chart.all]
    if not shown:
        return []
    said = "; ".join(
        f"{chart.title}: " + ", ".join(f"{one.look.label} {one.x.value:.4g} / {one.y.value:.4g}" for one in chart.all)
        for chart in shown
    )
    alt = f"Scatter plots in {len(shown)} panels. {said}."
    figure = scatter.draw(shown, _FILLED)
    return [Drawing(file_name([kind, *setting]), title, caption, alt, figure)]


def _words(setting: _Setting) -> str:
    data, model, protocol = setting
    return f"{data}, {model}, protocol {protocol}"
