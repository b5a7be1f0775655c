"""The demo suite from a fresh clone with an empty cache, the environment built: serially, and stages side by side."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.commands import last_line, run
from benchmarks.result import Result

NAME = "demo"
AIM_MEMBERSHIP = 240.0
AIM = 600.0
AIM_AT_ONCE = 1.7


@dataclass(frozen=True)
class Part:
    """What is run and timed from the beginning: its name in a table, the command, the seconds or ratio aimed at."""

    name: str
    command: tuple[str, ...]
    aim: float


@dataclass(frozen=True)
class Size:
    """What is measured.

    Attributes:
        repository: what is cloned.
        parts: run in one clone, each with the time of those before it.
        at_once: does the same as all parts, in a clone of its own, that many times as fast; None to leave it out.

    """

    repository: Path
    parts: tuple[Part, ...]
    at_once: Part | None


PARTS = (
    Part("the demo's MIA-Pruning part", ("dvc", "repro", "plot@mia_pruning"), AIM_MEMBERSHIP),
    Part("the whole demo", ("dvc", "repro"), AIM),
)
AT_ONCE = Part("the whole demo", ("python", "-m", "stages.parallel", "--jobs", "2"), AIM_AT_ONCE)
FULL = Size(Path(), PARTS, AT_ONCE)
QUICK = Size(Path(), (Part("a data set of the demo", ("dvc", "repro", "fetch"), AIM),), None)


def measure(size: Size) -> list[Result]:
    """Run the parts one by one, then all of them once more side by side."""
    results = in_clone(size.repository, size.parts)
    serial = results[-1].value
    if size.at_once is None or serial is None:  # without the one there is no ratio to the other
        return results
    (total,) = in_clone(size.repository, (size.at_once,))
    return [*results, replace(total, aim=AIM), _ratio(size.at_once, serial, total)]


def in_clone(repository: Path, parts: Sequence[Part]) -> list[Result]:
    """Clone what is committed into an empty folder, and run parts there, until one fails."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as empty:
        clone = Path(empty) / "clone"
        cloned = run(["git", "clone", "--quiet", "--no-hardlinks", str(repository.resolve()), str(clone)], Path(empty))
        if cloned.status:
            return [_failed(parts[0], f"no clone: {last_line(cloned.output)}")]
        began, seconds = time.time(), 0.0
        for part in parts:
            finished = run(part.command, clone)
            if finished.status:
                return [*results, _failed(part, f"it failed: {last_line(finished.output)}")]
            seconds += finished.seconds
            note = slowest(clone / "reports", began)
            results.append(Result(NAME, measured(part), seconds, "s", part.aim, "lower", note))
    return results


def _ratio(part: Part, serial: float, total: Result) -> Result:
    """Say how many times as fast stages side by side are as those before, one after another."""
    said = f"{measured(part)}, against one stage after another"
    if total.value is None:
        return Result(NAME, said, None, "times", part.aim, "higher", total.note)
    note = f"{serial:.0f} s against {total.value:.0f} s; side by side, {total.note}"
    return Result(NAME, said, serial / total.value, "times", part.aim, "higher", note)


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
