"""The demo suite from a fresh clone with an empty cache, the environment built."""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.commands import last_line, run
from benchmarks.result import Result

NAME = "demo"
AIM_MEMBERSHIP = 240.0
AIM = 600.0


@dataclass(frozen=True)
class Part:
    """What is run and timed from the beginning: its name in a table, DVC's command, the seconds aimed at."""

    name: str
    command: tuple[str, ...]
    aim: float


@dataclass(frozen=True)
class Size:
    """What is measured: the repository to clone, and the parts, each with the time of those before it."""

    repository: Path
    parts: tuple[Part, ...]


PARTS = (
    Part("the demo's MIA-Pruning part", ("dvc", "repro", "plot@mia_pruning"), AIM_MEMBERSHIP),
    Part("the whole demo", ("dvc", "repro"), AIM),
)
FULL = Size(Path(), PARTS)
QUICK = Size(Path(), (Part("a data set of the demo", ("dvc", "repro", "fetch"), AIM),))


def measure(size: Size) -> list[Result]:
    """Clone what is committed into an empty folder, and run it there."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as empty:
        clone = Path(empty) / "clone"
        source = str(size.repository.resolve())
        cloned = run(["git", "clone", "--quiet", "--no-hardlinks", source, str(clone)], Path(empty))
        if cloned.status:
            return [_failed(size.parts[0], f"no clone: {last_line(cloned.output)}")]
        began, seconds = time.time(), 0.0
        for part in size.parts:
            finished = run(part.command, clone)
            if finished.status:
                return [*results, _failed(part, f"it failed: {last_line(finished.output)}")]
            seconds += finished.seconds
            results.append(
                Result(NAME, measured(part), seconds, "s", part.aim, "lower", slowest(clone / "reports", began))
            )
    return results


def slowest(reports: Path, since: float, count: int = 5) -> str:
    """Say where the time went: the stages that took longest, from the timings that they have left since then."""
    found = [
        (json.loads(file.read_text())["seconds"], f"{file.parent.name} {file.stem}")
        for file in reports.glob("*/timings/**/*.json")
        if file.stat().st_mtime >= since
    ]
    told = ", ".join(f"{stage} {seconds:.0f} s" for seconds, stage in sorted(found, reverse=True)[:count])
    total = sum(seconds for seconds, _ in found)
    return f"{len(found)} stages that train or attack took {total:.0f} s, the longest: {told}" if found else ""


def measured(part: Part) -> str:
    """Say what is measured, in words."""
    return f"{part.name} from a fresh clone, `{' '.join(part.command)}`"


def _failed(part: Part, why: str) -> Result:
    return Result(NAME, measured(part), None, "s", part.aim, "lower", why)
