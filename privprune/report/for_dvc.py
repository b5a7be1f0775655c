"""Files that DVC's own commands read: one file of metrics per cell, and the data behind its plots.

`dvc metrics show` prints one line per file, so each cell has one. `dvc plots show` draws lists of points; entries in
dvc.yaml name the folders, and the templates in `.dvc/plots` say what is drawn.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from privprune.files import new_folder, write_json
from privprune.records import MAKING, Record
from privprune.verdicts import Evaluation, MeasuredCell, headline_numbers
from privprune.verdicts.cell_of_record import attacked_cell

Points = list[dict[str, Any]]


def write_for_dvc(folder: Path, evaluations: Iterable[Evaluation], records: Sequence[Record]) -> None:
    """Write `metrics_of_cells/<paper>/<cell>.json` and `curves/<kind>/<paper>.json` below a suite's reports.

    Args:
        folder: `reports/<suite>`.
        evaluations: of all papers.
        records: of all papers.

    """
    evaluations = list(evaluations)
    with new_folder(folder / "metrics_of_cells") as unfinished:
        for one in evaluations:
            for cell, numbers in headline_numbers(one.cells).items():
                write_json(unfinished / one.paper / f"{cell}.json", numbers)
    with new_folder(folder / "curves") as unfinished:
        for kind, paper, points in _all_curves(evaluations, records):
            _write_points(unfinished / kind / f"{paper}.json", points)


def _all_curves(evaluations: Sequence[Evaluation], records: Sequence[Record]) -> Iterator[tuple[str, str, Points]]:
    """Yield kind, paper and points of each plot that has any point."""
    for evaluation in evaluations:
        own = [record for record in records if record.paper == evaluation.paper]
        for kind, points in (
            ("membership", membership_points(evaluation.cells)),
            ("inversion", inversion_points(evaluation.cells)),
            ("roc", roc_points(own)),
            ("training", training_points(own)),
        ):
            if points:
                yield kind, evaluation.paper, points


def membership_points(cells: Iterable[MeasuredCell]) -> Points:
    """Return utility and balanced accuracy of each attack on each cell, in percent."""
    return [
        {"cell": cell.cell, "attack": attack, "utility": cell.utility.mean, "balanced_accuracy": found.mean}
        for cell in cells
        for attack, result in cell.attacks.items()
        if cell.utility is not None and (found := result.measures.get("balanced_accuracy")) is not None
    ]


def inversion_points(cells: Iterable[MeasuredCell]) -> Points:
    """Return utility in percent and mean squared error of each attack that reconstructs images, on each cell."""
    return [
        {"cell": cell.cell, "attack": attack, "utility": cell.utility.mean, "mse": found.mean}
        for cell in cells
        for attack in cell.inversions
        if cell.utility is not None and (found := cell.numbers.get(f"{attack}_mse")) is not None
    ]


def roc_points(records: Iterable[Record]) -> Points:
    """Return the ROC curve of each attack on each cell: false- and true-positive rates in [0, 1]."""
    return [
        {"cell": attacked_cell(record), "attack": attack, "false_positives": false, "true_positives": true}
        for record in records
        if record.stage == "attack"
        for attack, result in record.attacks.items()
        if "roc" in result
        for false, true in zip(result["roc"]["fpr"], result["roc"]["tpr"], strict=True)
    ]


def training_points(records: Iterable[Record]) -> Points:
    """Return the loss of each cell per epoch, from 1, as the mean over seeds."""
    return [
        {"cell": record.cell, "epoch": epoch, "loss": fmean(losses)}
        for record in records
        if record.stage in MAKING
        for epoch, losses in enumerate(record.history.get("loss", []), start=1)
        if losses
    ]


def _write_points(path: Path, points: Sequence[Mapping[str, Any]]) -> None:
    """Write a list with one point per line, numbers with six significant digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps({key: _short(value) for key, value in point.items()}) for point in points)
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def _short(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value
