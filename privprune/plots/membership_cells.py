"""The cells of the figures about membership inference, and the numbers that are drawn from their records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from privprune.plots.conditions import Conditions
from privprune.plots.roc import RocPanel
from privprune.plots.series import Band, Point, band_over_seeds, point_over_seeds
from privprune.plots.style import DEFENCES, Look, attack_order, defence_look
from privprune.plots.tradeoff import MEASURES, Measure, TradeoffMark, TradeoffSweep
from privprune.plots.training_curves import Phase, TrainingColumn
from privprune.plots.weight_histograms import Histogram
from privprune.published import attack_label
from privprune.records import MAKING, Record
from privprune.verdicts import Evaluation
from privprune.verdicts.cell_of_record import attack_records

PAPER_DEFENCES = ("baseline", "mia_pruning", "min_max", "mia_pruning+min_max")  # the columns of its figures 2 and 3
SWEPT = "mia_pruning"
_STRONG = ("lira_online", "lira", "rmia")  # kinds of attack, from the strongest on


class SelectedCell(NamedTuple):
    """A cell to be drawn: its name, its defence or control, and the attack whose numbers are shown (empty for none)."""

    cell: str
    defence: str
    attack: str


@dataclass(frozen=True)
class MembershipCell:
    """A selected cell with the record of its training, that of its attacks if it was attacked, and how it is drawn."""

    cell: str
    defence: str
    attack: str
    training: Record
    attacked: Record | None
    look: Look

    @property
    def conditions(self) -> Conditions:
        """Data, model and protocol of the cell."""
        return Conditions(self.training.data["name"], self.training.model, self.training.protocol)


def in_rows(evaluation: Evaluation) -> list[SelectedCell]:
    """Return the cells of printed rows and controls, each once, with its first role that has an attack, if any has."""
    selected: dict[str, SelectedCell] = {}
    for role in evaluation.roles:
        if role.cell not in selected or not selected[role.cell].attack:
            selected[role.cell] = SelectedCell(role.cell, role.name, role.attack or "")
    return list(selected.values())


def in_sweep(evaluation: Evaluation) -> list[SelectedCell]:
    """Return the cells of MIA-Pruning at growing sparsity, in the order of the curve."""
    curves = [curve for curve in evaluation.curves if curve.name == SWEPT]
    return [SelectedCell(cell, SWEPT, "") for curve in curves for cell in curve.cells]


def membership_cells(records: Sequence[Record], selected: Sequence[SelectedCell]) -> list[MembershipCell]:
    """Return the selected cells with their records; a cell without a record is left out."""
    training = {record.cell: record for record in records if record.stage in MAKING}
    attacks = attack_records(records, "membership")
    names = [one.defence for one in selected]
    return [
        MembershipCell(*one, training[one.cell], attacks.get(one.cell), defence_look(one.defence, names))
        for one in selected
        if one.cell in training
    ]


def in_palette_order(cells: Sequence[MembershipCell]) -> list[MembershipCell]:
    """Return the cells sorted by the order of their defences in the palette, unknown defences last."""
    order = {name: place for place, name in enumerate(DEFENCES)}
    return sorted(cells, key=lambda cell: order.get(cell.defence, len(order)))


def training_columns(cells: Sequence[MembershipCell]) -> list[TrainingColumn]:
    """Return the columns of Figure 2, for the defences that the paper draws."""
    return [
        TrainingColumn(
            title=cell.look.label,
            look=cell.look,
            loss=band_over_seeds(cell.training.history.get("loss", [])),
            attack=band_over_seeds(_results(cell, cell.attack).get("history", {}).get("accuracy", [])),
            phases=_phases(cell.training),
        )
        for cell in cells
        if cell.defence in PAPER_DEFENCES and cell.training.history.get("loss")
    ]


def _phases(record: Record) -> tuple[Phase, ...]:
    """Return the phases of a training that had more than one; consecutive rounds of one method are one phase."""
    phases: list[Phase] = []
    first = 1
    for phase in record.phases:
        name = str(phase["name"]).partition(",")[0]  # "admm, rho 0.003" and "admm, rho 0.03" are rounds of ADMM
        if not phases or phases[-1].name != name:
            phases.append(Phase(name, first))
        first += int(phase["epochs"])
    return tuple(phases) if len(phases) > 1 else ()


def histograms(cells: Sequence[MembershipCell]) -> list[Histogram]:
    """Return the panels of Figure 3, for the defences that the paper draws."""
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
        if cell.defence in PAPER_DEFENCES and "all" in cell.training.histograms
    ]


def _first(record: Record, metric: str) -> float | None:
    """Return the value of the first target network, to which the histograms belong."""
    values = record.metrics.get(metric)
    return values[0] if values else None


def attack_names(cells: Sequence[MembershipCell]) -> list[str]:
    """Return the attacks that any of the cells was attacked with, in the order of `style.attack_order`."""
    return sorted({name for cell in cells if cell.attacked for name in cell.attacked.attacks}, key=attack_order)


def one_of_each_kind(cells: Sequence[MembershipCell], names: Sequence[str]) -> list[str]:
    """Return the attacks without variants of one another: of each kind the one that ran on most cells, or the first."""
    ran = {name: sum(bool(_results(cell, name)) for cell in cells) for name in names}
    chosen: dict[str, str] = {}
    for name in names:
        kind = next(found for cell in cells if (found := _kind(cell, name)))
        if kind not in chosen or ran[name] > ran[chosen[kind]]:
            chosen[kind] = name
    return [name for name in names if name in chosen.values()]


def _kind(cell: MembershipCell, attack: str) -> str:
    """Return the name of an attack's method on a cell, empty where it was not run; its label where no record says."""
    if not _results(cell, attack) or cell.attacked is None:
        return ""
    settings = cell.attacked.parameters.get("methods", {}).get(attack) or {}
    return str(settings.get("attack", attack))


def roc_panels(cells: Sequence[MembershipCell]) -> list[RocPanel]:
    """Return one panel per kind of attack that has a curve, with one curve per cell."""
    panels = []
    for name in one_of_each_kind(cells, attack_names(cells)):
        attacked = [(cell, _results(cell, name)) for cell in cells if _results(cell, name).get("roc")]
        drawn = tuple((cell.look, _roc(results["roc"])) for cell, results in attacked)
        nonmembers = max((int(results.get("records", {}).get("nonmembers", 0)) for _, results in attacked), default=0)
        if drawn:
            panels.append(RocPanel(attack_label(name), drawn, nonmembers))
    return panels


def _roc(roc: dict[str, list[float]]) -> Band:
    """Return the curve and the band of a record: five of its ten points per decade, which are enough to see."""
    return Band(tuple(roc["fpr"]), tuple(roc["tpr"]), tuple(roc["low"]), tuple(roc["high"])).every_other()


def tradeoff_panels(cells: Sequence[MembershipCell], attack: str) -> list[tuple[str, Measure]]:
    """Return (attack, measure) per panel, for the attack of the paper and the strongest attack that was run."""
    names = attack_names(cells)
    strong = next((name for kind in _STRONG for name in names if name.startswith(kind)), "")
    return [(name, measure) for name in dict.fromkeys((attack, strong)) if name in names for measure in MEASURES]


def sweep(cells: Sequence[MembershipCell], panels: Sequence[tuple[str, Measure]]) -> TradeoffSweep:
    """Return a sweep as joined marks, each labelled with its ratio of weights."""
    return TradeoffSweep(defence_look(SWEPT), tuple(mark(cell, panels, _ratio(cell.training)) for cell in cells))


def mark(cell: MembershipCell, panels: Sequence[tuple[str, Measure]], label: str = "") -> TradeoffMark:
    """Return the test accuracy of a cell (mean and range of the seeds) and the measures of its attacks."""
    return TradeoffMark(
        label=label,
        look=cell.look,
        accuracy=point_over_seeds(cell.training.metrics["test_accuracy"]),
        attack=tuple(_measured(_results(cell, attack), measure.name) for attack, measure in panels),
    )


def _ratio(record: Record) -> str:
    """Return the factor by which the number of weights is reduced, as a label."""
    before, after = _first(record, "weights"), _first(record, "weights_left")
    return f"{before / after:.3g}\u00d7" if before and after else ""


def _results(cell: MembershipCell, attack: str) -> dict[str, Any]:
    """Return the results of an attack on a cell; empty where it was not run."""
    return (cell.attacked.attacks.get(attack) or {}) if cell.attacked else {}


def _measured(results: dict[str, Any], measure: str) -> Point | None:
    """Return one measure of an attack with its interval."""
    result = results.get("metrics", {}).get(measure)
    return Point(result["mean"], result["low"], result["high"]) if isinstance(result, dict) else None
