"""What all stages share: where files lie, how a mistake is told, how long it took."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import torch

from privprune.errors import UserError
from privprune.files import write_json
from privprune.settings import at, load_yaml, read

PARAMS = Path("params.yaml")
DATA = Path("data")
REPORTS = Path("reports")

Entry = TypeVar("Entry")
Result = TypeVar("Result")


def entry(kind: type[Entry], section: str, name: str) -> tuple[str, Entry, dict[str, Any]]:
    """Read the suite's name and one entry of it, as settings and as written."""
    suite = load_yaml(PARAMS)
    found = at(suite, section, name, file=str(PARAMS))
    return str(suite.get("suite")), read(kind, found, f"{PARAMS}: {section}.{name}"), found


def device() -> torch.device:
    """Choose the GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextlib.contextmanager
def told(where: str) -> Iterator[None]:
    """Tell a method's refusal of its settings (a ValueError) as a user's mistake at this place of the suite."""
    try:
        yield
    except ValueError as refused:
        raise UserError(f"{where}.{refused}") from refused


def run(stage: Callable[[str], Path | None]) -> None:
    """Run a stage on the name given on the command line.

    A stage that returns the path of its record gets its wall-clock time written beside it, in a file that no stage
    depends on.
    """
    torch.set_num_threads(1)  # forked workers take their own; see privprune/workflow/workers.py
    if len(sys.argv) != 2:
        sys.exit(f"usage: python -m stages.{Path(sys.argv[0]).stem} NAME")
    began = time.monotonic()
    record = mistakes_told(lambda: stage(sys.argv[1]))
    if record is not None:
        note_time(record, time.monotonic() - began)


def mistakes_told(work: Callable[[], Result]) -> Result:
    """Do the work of a stage; a user's mistake is told in one line and ends it with exit status 1."""
    try:
        return work()
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        sys.exit(1)


def note_time(record: Path, seconds: float) -> None:
    """Write how long a stage took to `reports/<suite>/timings/...`, beside its record in `records/`."""
    parts = ["timings" if part == "records" else part for part in record.parts]
    timing = {
        "seconds": round(seconds, 1),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
    }
    write_json(Path(*parts), timing)
