"""The demo suite, run in a fresh clone with an empty cache: stages one after another, and in parallel."""

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
    """A command whose time from the start is measured: its name in the table, the command, the aim in s or times."""

    name: str
    command: tuple[str, ...]
    aim: float


@dataclass(frozen=True)
class Size:
    """Size of the measurement.

    Attributes:
        repository: the repository to clone.
        parts: commands that are run in one clone; the time of each includes those before it.
        at_once: a command that does the same as all parts, in a clone of its own, its aim being how many times faster
            it is; None to leave it out.

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
    """Run the parts one after another, then everything once more in parallel."""
    results = in_clone(size.repository, size.parts)
    serial = results[-1].value
    if size.at_once is None or serial is None:  # no ratio without the serial time
        return results
    (total,) = in_clone(size.repository, (size.at_once,))
    return [*results, replace(total, aim=AIM), _ratio(size.at_once, serial, total)]


def in_clone(repository: Path, parts: Sequence[Part]) -> list[Result]:
    """Clone the repository into an empty folder, and run the parts there, until one fails."""
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
    """Return how many times faster stages run in parallel than one after another."""
    description = f"{measured(part)}, against one stage after another"
    if total.value is None:
        return Result(NAME, description, None, "times", part.aim, "higher", total.note)
    note = f"{serial:.0f} s against {total.value:.0f} s; side by side, {total.note}"
    return Result(NAME, description, serial / total.value, "times", part.aim, "higher", note)


def slowest(reports: Path, since: float, count: int = 5) -> str:
    """Describe the stages that took longest, from the timings that have been written since a time."""
    timings = [
        (json.loads(file.read_text())["seconds"], f"{file.parent.name} {file.stem}")
        for file in reports.glob("*/timings/**/*.json")
        if file.stat().st_mtime >= since
    ]
    longest = ", ".join(f"{stage} {seconds:.0f} s" for seconds, stage in sorted(timings, reverse=True)[:count])
    total = sum(seconds for seconds, _ in timings)
    return f"{len(timings)} stages that train or attack took {total:.0f} s, the longest: {longest}" if timings else ""


def measured(part: Part) -> str:
    """Return the description of a measurement."""
    return f"{part.name} from a fresh clone, `{' '.join(part.command)}`"


def _failed(part: Part, why: str) -> Result:
    return Result(NAME, measured(part), None, "s", part.aim, "lower", why)
