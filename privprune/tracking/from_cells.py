"""Tracked runs of cells: one per cell, with what it is and every headline number of it; its stages are nested below."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from privprune.records import MAKING, Record
from privprune.tracking.from_records import check_points, data_of, failed_checks, flat_settings, parameters_of
from privprune.tracking.runs import CELL, MetricPoint, TrackedRun, canonical, fingerprint_of, key
from privprune.verdicts import Evaluation, headline_numbers
from privprune.verdicts.cell_of_record import attacked_cell, deployed_cell


def cell_of(record: Record) -> str:
    """Return the cell that a record is about; the name of an attack or of a deployment may be another."""
    about = {"attack": attacked_cell, "deploy": deployed_cell}.get(record.stage)
    return about(record) if about else record.cell


def runs_of_cells(records: Iterable[Record], evaluations: Mapping[str, Evaluation]) -> list[TrackedRun]:
    """Return one run per cell that was trained, pruned or hardened.

    Args:
        records: all records of a suite.
        evaluations: paper -> its evaluation, from which the headline numbers are; a paper may be missing.

    """
    records = list(records)
    numbers = {
        (paper, cell): found
        for paper, evaluation in evaluations.items()
        for cell, found in headline_numbers(evaluation.cells).items()
    }
    roles = {
        (paper, role.cell): role.name for paper, evaluation in evaluations.items() for role in evaluation.roles[::-1]
    }
    return [
        _run(
            made,
            [one for one in records if one.paper == made.paper and cell_of(one) == made.cell],
            numbers.get((made.paper, made.cell), {}),
            roles.get((made.paper, made.cell), ""),
        )
        for made in records
        if made.stage in MAKING
    ]


def _run(made: Record, about: list[Record], numbers: Mapping[str, float], role: str) -> TrackedRun:
    """Return the run of one cell; about: all records about it, its own among them."""
    points = [MetricPoint(name, value) for name, value in numbers.items()]
    points += [point for record in about for point in check_points(record)]
    # Those of one measure, as `nasr tpr_at_1_percent_fpr`, say only that there are too few records for this measure.
    failed = [name for record in about for name in failed_checks(record) if " " not in name.split(":")[0]]
    points.append(MetricPoint("checks_failed", float(len(failed))))
    parameters = {"methods": _methods(made.parameters)} | parameters_of(made)
    parameters |= {name: text for record in about for name, text in _attacks(record)}
    tags = {"failed_checks": "; ".join(failed) or "none", "role": role or "none"}
    place = (made.suite, made.paper, CELL, made.cell)
    content = canonical([[(point.name, point.value) for point in points], parameters, tags])
    return TrackedRun(
        *place,
        parameters=parameters,
        points=points,
        tags=tags,
        data=data_of(made),
        artifacts={},
        fingerprint=fingerprint_of(key(*place), content),
    )


def _methods(parameters: Mapping[str, Any]) -> str:
    """Return the names of pruning, defence and what it is added to, and wire of a cell; `none` where there is none."""
    found = [_named(parameters.get("method"))]
    defence = parameters.get("defence")
    while isinstance(defence, dict):
        found.append(_named(defence))
        defence = defence.get("base")
    cut = (parameters.get("network") or {}).get("cut") or {}
    found.append(_named(cut.get("wire")))
    return " + ".join(name for name in found if name not in ("", "plain")) or "none"


def _named(entry: Any) -> str:
    return str(entry.get("name", "")) if isinstance(entry, dict) else ""


def _attacks(record: Record) -> Iterable[tuple[str, str]]:
    """Return the settings of the attacks that a record is of, as `attack.LABEL.SETTING`."""
    if record.stage == "attack":
        for kind in ("methods", "inversions"):
            yield from flat_settings("attack", record.parameters.get(kind) or {})
