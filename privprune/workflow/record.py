"""Write the record of a stage: what it started from, its settings, and what it measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from privprune.cells import Cell
from privprune.checks import Check
from privprune.records import Record, Stage, record_path, versions
from privprune.training.trained import Trained
from privprune.workflow.context import DataContext
from privprune.workflow.stacks import TrainingOutcome
from privprune.workflow.utility import utility_of, weight_histograms


@dataclass(frozen=True)
class RecordLocation:
    """What a record is about, and its file.

    Attributes:
        root: folder of the reports.
        suite: name of the suite.
        stage: the stage that writes it.
        name: of the entry in the suite.
        written: the entry as it is written in the suite's file.
        origin: what the stage started from, `datasets/NAME` or `models/CELL`.

    """

    root: Path
    suite: str
    stage: Stage
    name: str
    written: dict[str, Any]
    origin: str

    @property
    def path(self) -> Path:
        """Path of the record."""
        return record_path(self.root, self.suite, self.written["paper"], self.stage, self.name)


class CheckedEntry(Protocol):
    """An entry of a suite that makes a cell, and knows what must hold of it."""

    def checks(self, trained: Trained) -> dict[str, tuple[Check, ...]]:
        """Return the checks of the networks, `network`, of the `defence` and of the `pruning`."""
        ...


def write_cell_record(
    location: RecordLocation,
    context: DataContext,
    cell: Cell,
    outcome: TrainingOutcome,
    search: list[dict[str, Any]],
    entry: CheckedEntry,
) -> Path:
    """Measure the utility of a cell's targets and write the record of how the cell was trained.

    Args:
        location: of the record.
        context: the data.
        cell: the trained networks.
        outcome: history and measurements of their training.
        search: candidates of a search for the sparsity; empty without one.
        entry: the cell's entry in the suite, which checks the finished training.

    Returns:
        path of the record.

    """
    targets = cell.manifest.targets
    measured = {name: values[:targets] for name, values in outcome.measured.items()}
    history = {name: [row[:targets] for row in rows] for name, rows in outcome.history.items()}
    utility = utility_of(cell, context)
    metrics = {**utility.metrics, **measured}
    checks = entry.checks(Trained(history, outcome.phases, metrics))
    return write_record(
        location,
        context,
        cell,
        metrics=metrics,
        record_parts=utility.record_parts,
        history={name: [_finite(row) for row in rows] for name, rows in history.items()},
        checks={subject: [one.as_record() for one in found] for subject, found in checks.items() if found},
        phases=[{"name": name, "epochs": epochs} for name, epochs in outcome.phases],
        histograms=weight_histograms(cell),
        search=search,
    )


def write_record(
    location: RecordLocation,
    context: DataContext,
    cell: Cell,
    *,
    networks: Sequence[int] | None = None,
    packages: Sequence[str] = (),
    **measured: Any,
) -> Path:
    """Write a record about a cell.

    Args:
        location: of the record.
        context: the data.
        cell: the networks that were measured.
        networks: numbers of the targets that it is about; None for all targets.
        packages: further packages whose versions it lists.
        measured: further fields of the record, see `Record`.

    Returns:
        path of the record.

    """
    targets = range(cell.manifest.targets) if networks is None else networks
    record = Record(
        suite=location.suite,
        paper=location.written["paper"],
        stage=location.stage,
        cell=location.name,
        parameters=location.written,
        data=context.as_record(),
        model=cell.manifest.model,
        protocol=cell.manifest.protocol,
        origin=location.origin,
        seeds=[cell.manifest.seeds[number] for number in targets],
        shadows=cell.manifest.shadows if networks is None else 0,
        versions=versions(*packages),
        device=torch.cuda.get_device_name() if context.device.type == "cuda" else "cpu",
        **measured,
    )
    record.write(location.root)
    return location.path


def _finite(row: list[float]) -> list[float | None]:
    """Replace NaN, which JSON does not have, by None: the value of a curve in a phase that does not measure it."""
    return [value if math.isfinite(value) else None for value in row]
