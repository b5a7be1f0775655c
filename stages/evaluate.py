"""Compare one paper's records with its printed numbers and claims: `python -m stages.evaluate PAPER`.

`python -m stages.evaluate cross` puts the cells of all papers that were attacked under both threats into one matrix,
`python -m stages.evaluate own` makes the tables of one's own experiments.
Reads only records, so that every table can be made again from a clone, without cache, GPU or training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from privprune import published
from privprune.files import write_json, write_text
from privprune.records import Record, read_records, rounded
from privprune.settings import at, read
from privprune.tables import Table, build, build_cross, build_own, verdicts_csv, write
from privprune.verdicts import (
    CROSS,
    OWN,
    CrossEvaluation,
    CrossSettings,
    EvaluateSettings,
    Evaluation,
    OwnSettings,
    evaluate,
    evaluate_cross,
    evaluate_own,
    own_paper,
)
from privprune.yaml_file import load_yaml
from stages.harness.records_stage import PARAMS, REPORTS, run

_DIGITS = 12  # of the numbers that later stages read: a product with 100 has five more that say nothing


def main(name: str) -> None:
    """Read `evaluate.<name>` and the records, write evaluation, tables, verdicts and metrics."""
    content = load_yaml(PARAMS)
    suite = str(at(content, "suite", file=str(PARAMS)))
    section = at(content, "evaluate", name, file=str(PARAMS))
    {CROSS: _cross, OWN: _own}.get(name, _paper)(name, suite, section)


def _paper(name: str, suite: str, section: Mapping[str, Any]) -> None:
    evaluate_paper(name, suite, read(EvaluateSettings, section, f"{PARAMS}: evaluate.{name}"))


def evaluate_paper(name: str, suite: str, settings: EvaluateSettings) -> None:
    """Evaluate one paper of a suite and write what `main` says."""
    printed = published.load(name)
    evaluation = evaluate(_records(suite, settings.reads), printed, settings, suite)
    _write(name, evaluation, build(evaluation, printed), f"{printed.short}: {suite} suite")
    write_text(REPORTS / suite / "verdicts" / f"{name}.csv", verdicts_csv([evaluation]))


def _cross(name: str, suite: str, section: Mapping[str, Any]) -> None:
    settings = read(CrossSettings, section, f"{PARAMS}: evaluate.{name}")
    evaluation = evaluate_cross(_records(suite, settings.reads), settings, suite)
    _write(name, evaluation, build_cross(evaluation), f"Every defence under both threats: {suite} suite")
    write_text(REPORTS / suite / "verdicts" / f"{name}.csv", verdicts_csv([]))  # no paper prints the matrix


def _own(name: str, suite: str, section: Mapping[str, Any]) -> None:
    settings = read(OwnSettings, section, f"{PARAMS}: evaluate.{name}")
    evaluation = evaluate_own(_records(suite, settings.reads), settings, suite)
    _write(name, evaluation, build_own(evaluation, own_paper(evaluation)), f"Own experiments: {suite} suite")
    write_text(REPORTS / suite / "verdicts" / f"{name}.csv", verdicts_csv([evaluation]))


def _records(suite: str, reads: str) -> list[Record]:
    return read_records(REPORTS / suite / "records" / reads)


def _write(name: str, evaluation: Evaluation | CrossEvaluation, tables: Sequence[Table], title: str) -> None:
    folder: Path = REPORTS / evaluation.suite
    write(tables, title, folder / "tables" / name)
    write_json(folder / "evaluations" / f"{name}.json", rounded(evaluation.to_json(), _DIGITS), dense=True)
    write_json(folder / "metrics" / f"{name}.json", evaluation.summary())


if __name__ == "__main__":
    run(main)
