"""Records to the numbers of a figure: which cells stand together, and what of their records is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from privprune.plots.roc import Panel
from privprune.plots.series import Band, Point, band_over_seeds, point_over_seeds
from privprune.plots.style import DEFENCES, Look, attack_label, attack_order, defence_look
from privprune.plots.tradeoff import MEASURES, Mark, Measure, Sweep
from privprune.plots.training_curves import Curves, Phase
from privprune.plots.weight_histograms import Histogram
from privprune.records import MAKING, Record
from privprune.verdicts import Evaluation

PAPER_DEFENCES = ("baseline", "mia_pruning", "min_max", "mia_pruning+min_max")  # the columns of its figures 2 and 3
SWEPT = "mia_pruning"
_STRONG = ("lira_online", "lira", "rmia")  # the kinds of attack that find most, the strongest first


Setting = tuple[str, str, str]  # data, model, protocol
NamedCells = tuple[str, tuple[str, ...]]  # the defence or control that a curve is about, its cells in their order


@dataclass(frozen=True)
class Shown:
    """A cell that figures show: its defence or control, and the attack that its numbers come from."""

    cell: str
    defence: str
    attack: str


@dataclass(frozen=True)
class Trained:
    """A cell with its record of training, and its record of attacks where it was attacked."""

    shown: Shown
    training: Record
    attacked: Record | None

    @property
    def look(self) -> Look:
        """How its defence is drawn."""
        return defence_look(self.shown.defence)

    @property
    def setting(self) -> Setting:
        """Data, model and protocol: only cells that agree in them are drawn together."""
        return self.training.data["name"], self.training.model, self.training.protocol


def shown(evaluation: Evaluation) -> list[Shown]:
    """Return the cells of printed rows and controls, each once; the first role that is attacked counts."""
    found: dict[str, Shown] = {}
    for role in evaluation.roles:
        if role.cell not in found or not found[role.cell].attack:
            found[role.cell] = Shown(role.cell, role.name, role.attack or "")
    return list(found.values())


def named_curves(evaluation: Evaluation) -> list[NamedCells]:
    """Return the curves that the suite names."""
    return [(curve.name, curve.cells) for curve in evaluation.curves]


def in_sweep(evaluation: Evaluation) -> list[Shown]:
    """Return the cells of the sweep in its order; they are MIA-Pruning's, at growing sparsity."""
    return [Shown(cell, name, "") for name, cells in named_curves(evaluation) if name == SWEPT for cell in cells]


def trained(records: Sequence[Record], shown: Sequence[Shown]) -> list[Trained]:
    """Pair the shown cells with their records; a cell without record is left out."""
    training = {record.cell: record for record in records if record.stage in MAKING}
    attacks = {target(record): record for record in records if record.stage == "attack" and not inverted(record)}
    return [Trained(one, training[one.cell], attacks.get(one.cell)) for one in shown if one.cell in training]


def target(attack: Record) -> str:
    """Return the cell that a record's attacks were run on; its own name is that of the suite's entry."""
    return str(attack.parameters.get("target", attack.cell))


def inverted(attack: Record) -> bool:
    """Whether a record's attacks rebuilt inputs; otherwise they asked for membership."""
    return any(results.get("kind") == "inversion" for results in attack.attacks.values())


def by_setting(cells: Sequence[Trained]) -> dict[Setting, list[Trained]]:
    """Gather cells by data, model and protocol, in their order."""
    groups: dict[Setting, list[Trained]] = {}
    for cell in cells:
        groups.setdefault(cell.setting, []).append(cell)
    return groups


def in_palette_order(cells: Sequence[Trained]) -> list[Trained]:
    """Return cells with their defences in the order of the palette, unknown ones last."""
    order = {name: place for place, name in enumerate(DEFENCES)}
    return sorted(cells, key=lambda cell: order.get(cell.shown.defence, len(order)))


def curves(cells: Sequence[Trained]) -> list[Curves]:
    """Return the columns of Figure 2 for the paper's own defences."""
    return [
        Curves(
            title=cell.look.label,
            look=cell.look,
            loss=band_over_seeds(cell.training.history.get("loss", [])),
            attack=band_over_seeds(_results(cell, cell.shown.attack).get("history", {}).get("accuracy", [])),
            phases=_phases(cell.training),
        )
        for cell in cells
        if cell.shown.defence in PAPER_DEFENCES and cell.training.history.get("loss")
    ]


def _phases(record: Record) -> tuple[Phase, ...]:
    """Return the phases of a training, if it had more than one; rounds of one method are one phase."""
    phases: list[Phase] = []
    first = 1
    for phase in record.phases:
        name = str(phase["name"]).partition(",")[0]  # "admm, rho 0.003" and "admm, rho 0.03" are rounds of ADMM
        if not phases or phases[-1].name != name:
            phases.append(Phase(name, first))
        first += int(phase["epochs"])
    return tuple(phases) if len(phases) > 1 else ()


def histograms(cells: Sequence[Trained]) -> list[Histogram]:
    """Return the panels of Figure 3 for the paper's own defences."""
    return [
        Histogram(
            title=cell.look.label,
            look=cell.look,
            edges=tuple(cell.training.histograms["edges"]),
            counts=tuple(cell.training.histograms["all"]),
            weights=_first(cell.training, "weights"),
            weights_left=_first(cell.training, "weights_left"),
        )
        for cell in cells
        if cell.shown.defence in PAPER_DEFENCES and "all" in cell.training.histograms
    ]


def _first(record: Record, metric: str) -> float | None:
    """Return the first target's value: histograms are the first target's."""
    values = record.metrics.get(metric)
    return values[0] if values else None


def attack_names(cells: Sequence[Trained]) -> list[str]:
    """Return the attacks that any of the cells was attacked with, in the order of `style.attack_order`."""
    return sorted({name for cell in cells if cell.attacked for name in cell.attacked.attacks}, key=attack_order)


def roc_panels(cells: Sequence[Trained]) -> list[Panel]:
    """Return one panel per attack that has a curve, with one curve per cell."""
    panels = []
    for name in attack_names(cells):
        found = [(cell, _results(cell, name)) for cell in cells if _results(cell, name).get("roc")]
        drawn = tuple((cell.look, _roc(results["roc"])) for cell, results in found)
        nonmembers = max((int(results.get("records", {}).get("nonmembers", 0)) for _, results in found), default=0)
        if drawn:
            panels.append(Panel(attack_label(name), drawn, nonmembers))
    return panels


def _roc(roc: dict[str, list[float]]) -> Band:
    """Return a curve and its band as a record holds them."""
    return Band(tuple(roc["fpr"]), tuple(roc["tpr"]), tuple(roc["low"]), tuple(roc["high"]))


def tradeoff_panels(cells: Sequence[Trained], attack: str) -> list[tuple[str, Measure]]:
    """Return (attack, measure) per panel: the paper's attack, and the strongest kind of attack that was run."""
    names = attack_names(cells)
    strong = next((name for kind in _STRONG for name in names if name.startswith(kind)), "")
    return [(name, measure) for name in dict.fromkeys((attack, strong)) if name in names for measure in MEASURES]


def sweep(cells: Sequence[Trained], panels: Sequence[tuple[str, Measure]]) -> Sweep:
    """Return a sweep as joined marks, each labelled with the ratio that was reached."""
    return Sweep(defence_look(SWEPT), tuple(mark(cell, panels, _ratio(cell.training)) for cell in cells))


def mark(cell: Trained, panels: Sequence[tuple[str, Measure]], label: str = "") -> Mark:
    """Return a cell's test accuracy (mean and range of the seeds) and its attacks' measures with their intervals."""
    return Mark(
        label=label,
        look=cell.look,
        accuracy=point_over_seeds(cell.training.metrics["test_accuracy"]),
        attack=tuple(_measured(_results(cell, attack), measure.name) for attack, measure in panels),
    )


def _ratio(record: Record) -> str:
    """Return how many times fewer weights are left, as a label."""
    before, after = _first(record, "weights"), _first(record, "weights_left")
    return f"{before / after:.3g}\u00d7" if before and after else ""


def _results(cell: Trained, attack: str) -> dict[str, Any]:
    """Return what an attack found on a cell; nothing where it was not run."""
    return (cell.attacked.attacks.get(attack) or {}) if cell.attacked else {}


def _measured(results: dict[str, Any], measure: str) -> Point | None:
    """Return one measure of an attack with its interval."""
    found = results.get("metrics", {}).get(measure)
    return Point(found["mean"], found["low"], found["high"]) if isinstance(found, dict) else None
