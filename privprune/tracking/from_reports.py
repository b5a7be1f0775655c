"""A run from what stands beside the records: the stages that judge a paper and draw its figures."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from privprune.tracking.runs import Point, Run, canonical, fingerprint_of, key


def run_of_verdicts(reports: Path, paper: str, papers: Sequence[str]) -> Run:
    """Return the run of the stage that judged a paper: numbers of each verdict, and each printed number measured."""
    lines = [line for line in verdict_lines(reports) if line["paper"] == paper]
    counts: dict[str, int] = {}
    points = []
    for line in lines:
        counts[line["verdict"]] = counts.get(line["verdict"], 0) + 1
        place = " ".join(line[part] for part in ("dataset", "model", "method", "attack", "metric") if line[part])
        ends = {"": "measured", ".low": "low", ".high": "high", ".published": "published"}
        values = {end: _number(line.get(column, "")) for end, column in ends.items()}
        points += [Point(f"{line['table']}/{place}{end}", value) for end, value in values.items() if value is not None]
    points += [Point(f"verdicts/{verdict}", count) for verdict, count in counts.items()]
    tables = [
        path
        for path in sorted(reports.glob("tables/**/*"))
        if path.is_file() and _tells_of(path.relative_to(reports), paper, papers)
    ]
    artifacts = {path: path.parent.relative_to(reports).as_posix() for path in tables}
    if lines:
        artifacts |= {reports / "verdicts.csv": ""}
    return _of_paper(reports, paper, "evaluate", points, artifacts, canonical(lines), *map(_digest, tables))


def run_of_figures(reports: Path, paper: str, papers: Sequence[str]) -> Run:
    """Return the run of the stage that drew a paper's figures."""
    found = [
        path for path in sorted(reports.glob("figures/**/*.png")) if _tells_of(path.relative_to(reports), paper, papers)
    ]
    artifacts = {path: path.parent.relative_to(reports).as_posix() for path in found}
    return _of_paper(reports, paper, "plot", [], artifacts, *(f"{path.name} {_digest(path)}" for path in found))


def _of_paper(
    reports: Path, paper: str, stage: str, points: list[Point], artifacts: dict[Path, str], *content: str
) -> Run:
    """Return a run that speaks for a whole paper."""
    fingerprint = fingerprint_of(key(reports.name, paper, stage, ""), *content)
    return Run(reports.name, paper, stage, "", {}, points, {}, None, artifacts, fingerprint)


def verdict_lines(reports: Path) -> list[dict[str, str]]:
    """Return the lines of `verdicts.csv`, none where it does not stand yet."""
    path = reports / "verdicts.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _tells_of(place: Path, paper: str, papers: Sequence[str]) -> bool:
    """Whether a table or figure is about a paper: its place says so, or names no other paper either."""
    named = [other for other in papers if re.search(rf"(?<![a-z0-9]){re.escape(other)}(?![a-z0-9])", str(place))]
    return paper in named or not named


def _number(text: str) -> float | None:
    """Read a cell of `verdicts.csv`; an empty one, or one with words, is no number."""
    return float(text) if re.fullmatch(r"-?\d+(\.\d*)?(e[-+]?\d+)?", text.strip()) else None


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
