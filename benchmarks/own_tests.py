"""The time of all tests."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.commands import last_line, run
from benchmarks.result import Result

NAME = "tests"
AIM = 300.0


@dataclass(frozen=True)
class Size:
    """Size of the measurement: the checkout, and pytest's arguments."""

    folder: Path
    arguments: tuple[str, ...]


FULL = Size(Path(), ("-q", "--durations=5", "--durations-min=1"))
QUICK = Size(Path(), ("-q", "--collect-only"))


def measure(size: Size) -> list[Result]:
    """Run the tests once, without `uv run`, which would add a fraction of a second."""
    finished = run([sys.executable, "-m", "pytest", *size.arguments], size.folder)
    measured = f"`pytest {' '.join(size.arguments)}`"
    summary = last_line(finished.output)
    if finished.status:
        return [Result(NAME, measured, None, "s", AIM, "lower", f"they do not pass: {summary}")]
    return [
        Result(NAME, measured, finished.seconds, "s", AIM, "lower", "; ".join([summary, *slowest(finished.output)]))
    ]


def slowest(printed: str) -> list[str]:
    """Return pytest's lines about the slowest tests."""
    return [" ".join(line.split()) for line in printed.splitlines() if "s call " in line or "s setup " in line]
