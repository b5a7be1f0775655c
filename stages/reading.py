"""What the stages share that read records and never train: paths, and how a mistake is told. No torch."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from privprune.errors import UserError

PARAMS = Path("params.yaml")
DATA = Path("data")
REPORTS = Path("reports")

Result = TypeVar("Result")


def run(stage: Callable[[str], None]) -> None:
    """Run a stage on the name given on the command line."""
    name = name_given()
    mistakes_told(lambda: stage(name))


def name_given() -> str:
    """Return the one argument of the command line."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: python -m stages.{Path(sys.argv[0]).stem} NAME")
    return sys.argv[1]


def mistakes_told(work: Callable[[], Result]) -> Result:
    """Do the work of a stage; a user's mistake is told in one line and ends it with exit status 1."""
    try:
        return work()
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        sys.exit(1)
