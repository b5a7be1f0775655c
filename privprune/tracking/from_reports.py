"""Tracked runs from reports: the stages that evaluate a paper and draw its figures."""

from __future__ import annotations

import csv
import hashlib
import re
from pathlib import Path

from privprune.files import read_json
from privprune.tracking.runs import MetricPoint, TrackedRun, fingerprint_of, key


def run_of_verdicts(reports: Path, paper: str) -> TrackedRun:
    """Return the run of the stage `evaluate`: the count of each verdict, and every measured printed number."""
    verdicts = reports / "verdicts" / f"{paper}.csv"
    lines = _lines(verdicts)
    summary = reports / "metrics" / f"{paper}.json"
    counts = read_json(summary) if summary.exists() else {}
    points = [
        MetricPoint(f"{kind}/{name}", count) for kind, by_name in counts.items() for name, count in by_name.items()
    ]
    for line in lines:
        place = " ".join(line[part] for part in ("dataset", "model", "method", "attack", "metric") if line[part])
        ends = {"": "measured", ".low": "low", ".high": "high", ".published": "published"}
        values = {end: _number(line[column]) for end, column in ends.items()}
        points += [
            MetricPoint(f"{line['table']}/{place}{end}", value) for end, value in values.items() if value is not None
        ]
        if (failed := _number(line.get("checks_failed", ""))) is not None and line["measured"]:
            points.append(MetricPoint(f"{line['table']}/{place}.checks_failed", failed))
    artifacts = {path: "" for path in (verdicts, summary) if path.exists()} | _below(reports, "tables", paper, "*")
    return _of_paper(reports, paper, "evaluate", points, artifacts)


def run_of_figures(reports: Path, paper: str) -> TrackedRun:
    """Return the run of the stage `plot`."""
    return _of_paper(reports, paper, "plot", [], _below(reports, "figures", paper, "*.png"))


def _of_paper(
    reports: Path, paper: str, stage: str, points: list[MetricPoint], artifacts: dict[Path, str]
) -> TrackedRun:
    """Return a run about a whole paper; its fingerprint changes with any of its files."""
    digests = [f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in artifacts]
    fingerprint = fingerprint_of(key(reports.name, paper, stage, ""), *digests)
    return TrackedRun(reports.name, paper, stage, "", {}, points, {}, None, artifacts, fingerprint)


def _below(reports: Path, kind: str, paper: str, pattern: str) -> dict[Path, str]:
    """Return the files of one kind of a paper, each with its folder inside the run."""
    folder = reports / kind / paper
    files = (path for path in sorted(folder.rglob(pattern)) if path.is_file())
    return {path: (Path(kind) / path.parent.relative_to(folder)).as_posix() for path in files}


def _lines(path: Path) -> list[dict[str, str]]:
    """Return the lines of a table of verdicts, empty if the file does not exist yet."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _number(text: str) -> float | None:
    """Return the number in a cell of `verdicts.csv`, None for an empty cell or words."""
    return float(text) if re.fullmatch(r"-?\d+(\.\d*)?(e[-+]?\d+)?", text.strip()) else None
