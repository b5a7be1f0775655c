"""Write one page and one table of verdicts for all papers of a suite: `python -m stages.report SUITE`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from privprune import published
from privprune.files import read_json, write_text
from privprune.plots import read_pictures
from privprune.records import read_records
from privprune.report import Matrix, Own, Section, read_timings, write, write_for_dvc
from privprune.settings import at
from privprune.tables import verdicts_csv
from privprune.verdicts import CROSS, OWN, CrossEvaluation, Evaluation
from privprune.yaml_file import load_yaml
from stages.harness.records_stage import PARAMS, REPORTS, run


def main(suite: str) -> None:
    """Write `reports/<suite>/index.html` and `verdicts.csv` for the papers of the suite, and what DVC shows."""
    report_on(suite, list(at(load_yaml(PARAMS), "evaluate", file=str(PARAMS))))


def report_on(suite: str, named: Sequence[str]) -> None:
    """Write the same for some of the papers, each of which has been evaluated and plotted."""
    folder = REPORTS / suite
    sections = [_section(folder, paper) for paper in sorted(named) if paper not in (CROSS, OWN)]
    matrices = [_matrix(folder, name) for name in named if name == CROSS]
    own = [_own(folder) for name in named if name == OWN]
    own_records = read_records(folder / "records" / OWN) if own else []
    write(suite, sections, matrices, read_timings(folder / "timings"), REPORTS, own, own_records)
    evaluations = [*(section.evaluation for section in sections), *(one.evaluation for one in own)]
    records = [*(record for section in sections for record in section.records), *own_records]
    write_text(folder / "verdicts.csv", verdicts_csv(evaluations))
    write_for_dvc(folder, evaluations, records)


def _section(folder: Path, paper: str) -> Section:
    path = folder / "evaluations" / f"{paper}.json"
    evaluation = Evaluation.from_json(read_json(path), str(path))
    records = read_records(folder / "records" / paper)
    return Section(published.load(paper), evaluation, records, read_pictures(folder / "figures" / paper))


def _own(folder: Path) -> Own:
    path = folder / "evaluations" / f"{OWN}.json"
    return Own(Evaluation.from_json(read_json(path), str(path)), read_pictures(folder / "figures" / OWN))


def _matrix(folder: Path, name: str) -> Matrix:
    path = folder / "evaluations" / f"{name}.json"
    return Matrix(CrossEvaluation.from_json(read_json(path), str(path)), read_pictures(folder / "figures" / name))


if __name__ == "__main__":
    run(main)
