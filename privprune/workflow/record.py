"""The record of a cell: what was trained, from what, how it went, how well it serves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from privprune.cells import Cell
from privprune.records import Record, Stage, record_path, versions
from privprune.workflow.context import DataContext, weight_histograms
from privprune.workflow.stacks import Outcome


@dataclass(frozen=True)
class RecordLocation:
    """Where a record belongs.

    Attributes:
        root: folder of the reports.
        suite, stage, name: suite, stage and cell.
        written: the suite's entry, as its file has it.
        origin: what the stage started from.

    """

    root: Path
    suite: str
    stage: Stage
    name: str
    written: dict[str, Any]
    origin: str

    @property
    def path(self) -> Path:
        """The record's file."""
        return record_path(self.root, self.suite, self.written["paper"], self.stage, self.name)


def write_cell_record(
    place: RecordLocation, context: DataContext, cell: Cell, outcome: Outcome, search: list[dict[str, Any]]
) -> Path:
    """Measure the utility of a cell's targets and write its record; returns its path."""
    targets = cell.manifest.targets
    measured = {name: values[:targets] for name, values in outcome.measured.items()}
    history = {name: [_finite(row[:targets]) for row in rows] for name, rows in outcome.history.items()}
    return write_record(
        place,
        context,
        cell,
        metrics={**context.utility(cell), **measured},
        history=history,
        phases=[{"name": name, "epochs": epochs} for name, epochs in outcome.phases],
        histograms=weight_histograms(cell),
        search=search,
    )


def write_record(
    place: RecordLocation,
    context: DataContext,
    cell: Cell,
    *,
    networks: Sequence[int] | None = None,
    packages: Sequence[str] = (),
    **measured: Any,
) -> Path:
    """Write a record about a cell; returns its path.

    Args:
        place: where.
        context: the data.
        cell: what was measured.
        networks: which of its targets, where it is not about all of them.
        packages: more packages whose versions it holds.
        measured: further fields of the record.

    """
    targets = range(cell.manifest.targets) if networks is None else networks
    record = Record(
        suite=place.suite,
        paper=place.written["paper"],
        stage=place.stage,
        cell=place.name,
        parameters=place.written,
        data=context.described(),
        model=cell.manifest.model,
        protocol=cell.manifest.protocol,
        origin=place.origin,
        seeds=[cell.manifest.seeds[number] for number in targets],
        shadows=cell.manifest.shadows if networks is None else 0,
        versions=versions(*packages),
        device=torch.cuda.get_device_name() if context.device.type == "cuda" else "cpu",
        **measured,
    )
    record.write(place.root)
    return place.path


def _finite(row: list[float]) -> list[float | None]:
    """JSON has no NaN: a value that a phase does not measure is null."""
    return [value if math.isfinite(value) else None for value in row]
