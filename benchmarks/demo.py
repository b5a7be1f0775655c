"""The demo suite from a fresh clone with an empty cache, the environment built."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.commands import last_line, run
from benchmarks.result import Result

NAME = "demo"
AIM = 240.0


@dataclass(frozen=True)
class Size:
    """What is measured: the repository to clone, and DVC's command (all stages, or some)."""

    repository: Path
    command: tuple[str, ...]


FULL = Size(Path(), ("dvc", "repro"))
QUICK = Size(Path(), ("dvc", "repro", "fetch"))


def measure(size: Size) -> list[Result]:
    """Clone what is committed into an empty folder, and run it there."""
    with tempfile.TemporaryDirectory() as empty:
        clone = Path(empty) / "clone"
        source = str(size.repository.resolve())
        cloned = run(["git", "clone", "--quiet", "--no-hardlinks", source, str(clone)], Path(empty))
        if cloned.status:
            return [_failed(size, f"no clone: {last_line(cloned.output)}")]
        finished = run(size.command, clone)
        if finished.status:
            return [_failed(size, f"it failed: {last_line(finished.output)}")]
        note = slowest(clone / "reports")
    return [Result(NAME, measured(size), finished.seconds, "s", AIM, "lower", note)]


def slowest(reports: Path, count: int = 5) -> str:
    """Say where the time went: the stages that took longest, from the timings that they leave."""
    found = [
        (json.loads(file.read_text())["seconds"], f"{file.parent.name} {file.stem}")
        for file in reports.glob("*/timings/**/*.json")
    ]
    told = ", ".join(f"{stage} {seconds:.0f} s" for seconds, stage in sorted(found, reverse=True)[:count])
    total = sum(seconds for seconds, _ in found)
    return f"{len(found)} stages that train or attack took {total:.0f} s, the longest: {told}" if found else ""


def measured(size: Size) -> str:
    """Say what is measured, in words."""
    return f"the demo from a fresh clone, `{' '.join(size.command)}`"


def _failed(size: Size, why: str) -> Result:
    return Result(NAME, measured(size), None, "s", AIM, "lower", why)
