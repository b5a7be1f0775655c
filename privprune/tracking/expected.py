"""The runs that a tracking store should contain for a suite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from privprune.errors import UserError
from privprune.files import read_json
from privprune.records import read_records
from privprune.tracking.from_cells import cell_of, runs_of_cells
from privprune.tracking.from_records import run_of_record
from privprune.tracking.from_reports import run_of_figures, run_of_verdicts
from privprune.tracking.runs import CELL, TrackedRun, key
from privprune.verdicts import CROSS, Evaluation


def expected_runs(records_folder: Path, data_folder: Path) -> list[TrackedRun]:
    """Return one run per cell, one per record nested below it, and per paper one of its verdicts and of its figures.

    Args:
        records_folder: `reports/<suite>/records`; evaluations, verdicts, tables and figures are read from the folders
            beside it.
        data_folder: `data`; panels of reconstructions are read from it, if present.

    Raises:
        UserError: a record is damaged, or belongs to another suite.

    """
    reports = records_folder.parent
    records = read_records(records_folder)
    for record in records:
        if record.suite != reports.name:
            raise UserError(
                f"{records_folder}: found a record of the suite {record.suite}, allowed are {reports.name}'s"
            )
    papers = sorted({record.paper for record in records} | {path.stem for path in reports.glob("verdicts/*.csv")})
    evaluations = {
        path.stem: Evaluation.from_json(read_json(path), str(path))
        for path in sorted(reports.glob("evaluations/*.json"))
        if path.stem != CROSS
    }
    runs = runs_of_cells(records, evaluations)
    parents = {run.key for run in runs}
    for record in records:
        parent = key(record.suite, record.paper, CELL, cell_of(record))
        run = run_of_record(record, reports.parent, data_folder)
        runs.append(replace(run, parent=parent if parent in parents else ""))
    runs += [run_of_verdicts(reports, paper) for paper in papers]
    runs += [run_of_figures(reports, paper) for paper in papers]
    return [run for run in runs if run.points or run.artifacts]
