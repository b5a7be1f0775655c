"""Tables of one's own experiments: utility against every attack, and what each method costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from privprune.published import INVERSIONS, Paper, attack_label
from privprune.tables.attacks import attacks_table
from privprune.tables.checks import checks_table
from privprune.tables.edge import deployment_table
from privprune.tables.inversions import features_table, inversions_table
from privprune.tables.notes import INTERVALS, data_notes
from privprune.tables.numbers_as_text import estimate, heading, of_cell, seeds
from privprune.tables.table import Table, TableCell, labels, numbers, row
from privprune.verdicts import CellRole, Evaluation, MeasuredCell

_UTILITY = ("test_accuracy", "train_accuracy", "mean_average_precision", "rank_1", "epsilon")
_COST = (
    *("weights", "weights_after", "weights_ratio", "edge_parameters", "edge_removed", "edge_operations"),
    *("cloud_operations", "feature_bytes", "image_bytes"),
)
Value = Callable[[MeasuredCell], str]


def build_own(evaluation: Evaluation, paper: Paper) -> tuple[Table, ...]:
    """Return the tables in the order of the page, without those that have no rows."""
    tables = (
        utility_table(evaluation),
        cost_table(evaluation),
        attacks_table(evaluation, paper),
        inversions_table(evaluation, paper),
        features_table(evaluation, paper),
        deployment_table(evaluation, paper, {}),
        checks_table(evaluation),
    )
    return tuple(table for table in tables if table.rows)


def utility_table(evaluation: Evaluation) -> Table:
    """Return one line per cell: what the network is good for, and what each attack finds."""
    attacks = dict.fromkeys(attack for cell in evaluation.cells for attack in cell.attacks)
    inversions = [f"{attack}_{name}" for attack in INVERSIONS for name in ("mse", "ssim")]
    columns: list[tuple[str, Value]] = _measured(evaluation.cells, _UTILITY)
    columns += [(f"{attack_label(attack)} (%)", _accuracy_of(attack)) for attack in attacks]
    columns += _measured(evaluation.cells, inversions)
    return _table(
        evaluation,
        columns,
        name="own",
        title="Utility against every attack",
        caption="Of attacks on membership the balanced accuracy: 50 % is a guess, lower hides more. Of attacks that "
        "rebuild images the error: a larger MSE and a smaller SSIM hide more.",
    )


def cost_table(evaluation: Evaluation) -> Table:
    """Return one line per cell: sizes, operations and what is sent."""
    return _table(
        evaluation,
        _measured(evaluation.cells, _COST),
        name="own_cost",
        title="Cost",
        caption="Weights and operations of the networks, and what a device sends for an image.",
    )


def _table(
    evaluation: Evaluation, columns: Sequence[tuple[str, Value]], *, name: str, title: str, caption: str
) -> Table:
    return Table(
        name=name,
        title=title,
        caption=caption,
        columns=(*labels("Data and model", "Method", "Cell"), *numbers(*(head for head, _ in columns), "Seeds")),
        rows=tuple(_row(role, evaluation, columns) for role in evaluation.roles) if columns else (),
        notes=(*INTERVALS, *data_notes(evaluation.cells)),
    )


def _row(role: CellRole, evaluation: Evaluation, columns: Sequence[tuple[str, Value]]) -> tuple[TableCell, ...]:
    cell = evaluation.cell(role.cell)
    place = f"{role.place.dataset}, {role.place.model}"
    return row(place, role.name, role.cell, *(value(cell) for _, value in columns), seeds(len(cell.seeds)))


def _measured(cells: Sequence[MeasuredCell], metrics: Sequence[str]) -> list[tuple[str, Value]]:
    """Return heading and text of each metric that any cell has."""
    return [(heading(name), _text_of(name)) for name in metrics if any(name in cell.numbers for cell in cells)]


def _text_of(metric: str) -> Value:
    return lambda cell: of_cell(cell, metric)


def _accuracy_of(attack: str) -> Value:
    return lambda cell: estimate(
        cell.attacks[attack].measures.get("balanced_accuracy") if attack in cell.attacks else None, "percent"
    )
