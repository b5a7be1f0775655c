"""`dvc repro` when everything is up to date, in the checkout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.commands import last_line, run
from benchmarks.result import Result

NAME = "nothing-to-do"
AIM = 5.0
MEASURE = "`dvc repro` with nothing to do"


@dataclass(frozen=True)
class Size:
    """Size of the measurement: a checkout in which the demo is complete, rounds."""

    folder: Path
    rounds: int


FULL = Size(Path(), 5)
QUICK = Size(Path(), 1)


def measure(size: Size) -> list[Result]:
    """Time `dvc repro` in a checkout where everything is up to date."""
    seconds: list[float] = []
    note = ""
    if unfinished := why_unfinished(size.folder):
        return [Result(NAME, MEASURE, None, "s", AIM, "lower", unfinished)]
    for _ in range(size.rounds):
        finished = run(["dvc", "repro"], size.folder)
        if finished.status:
            return [Result(NAME, MEASURE, None, "s", AIM, "lower", f"it failed: {last_line(finished.output)}")]
        seconds.append(finished.seconds)
    note = f"{min(seconds):.2f} to {max(seconds):.2f} s in {len(seconds)} rounds"
    return [Result(NAME, MEASURE, median(seconds), "s", AIM, "lower", note)]


def why_unfinished(folder: Path) -> str:
    """Return why a checkout is not complete; empty after a complete `dvc repro`."""
    if not (folder / "dvc.lock").is_file():
        return "needs a finished demo in the checkout: run `uv run dvc repro` first"
    status = run(["dvc", "status"], folder)
    if status.status or "up to date" not in status.output:
        return f"needs a finished demo in the checkout, `dvc status` says: {last_line(status.output)}"
    return ""
