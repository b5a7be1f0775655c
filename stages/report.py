"""Put all papers of a suite on one page and into one verdict table: `python -m stages.report SUITE`."""

from __future__ import annotations

from pathlib import Path

from privprune import published
from privprune.errors import UserError
from privprune.files import read_json, write_text
from privprune.plots import read_pictures
from privprune.records import read_records
from privprune.report import Matrix, Section, read_timings, write
from privprune.tables import verdicts_csv
from privprune.verdicts import CROSS, CrossEvaluation, Evaluation
from stages.reading import REPORTS, run


def main(suite: str) -> None:
    """Read records, evaluations and figures, write `reports/<suite>/index.html` and `reports/<suite>/verdicts.csv`."""
    folder = REPORTS / suite
    paths = sorted((folder / "evaluations").glob("*.json"))
    if not paths:
        raise UserError(f"{folder / 'evaluations'}: found no evaluation, run `dvc repro` to make them")
    sections = [_section(folder, path) for path in paths if path.stem != CROSS]
    matrices = [_matrix(folder, path) for path in paths if path.stem == CROSS]
    write(suite, sections, matrices, read_timings(folder / "timings"), REPORTS)
    write_text(folder / "verdicts.csv", verdicts_csv([section.evaluation for section in sections]))


def _section(folder: Path, path: Path) -> Section:
    records = read_records(folder / "records" / path.stem)
    evaluation = Evaluation.from_json(read_json(path), str(path))
    return Section(published.load(path.stem), evaluation, records, read_pictures(folder / "figures" / path.stem))


def _matrix(folder: Path, path: Path) -> Matrix:
    return Matrix(CrossEvaluation.from_json(read_json(path), str(path)), read_pictures(folder / "figures" / path.stem))


if __name__ == "__main__":
    run(main)
