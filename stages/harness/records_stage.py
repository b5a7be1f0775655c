"""What the stages share that read records and never train: paths, and how a mistake is told. No torch."""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

from privprune.errors import UserError

PARAMS = Path("params.yaml")
DATA = Path("data")
REPORTS = Path("reports")
TIED = "PRIVPRUNE_END_WITH_PARENT"  # set by who runs stages and may be killed: what they run then ends too

Result = TypeVar("Result")
_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


def run(stage: Callable[[str], None]) -> NoReturn:
    """Run a stage on the name given on the command line, and end."""
    name = name_given()
    report_mistakes(lambda: stage(name))
    end()


def end() -> NoReturn:
    """End this process at once: Python would take torch apart piece by piece, 0.7 s of each stage, for nothing."""
    atexit._run_exitfuncs()  # noqa: SLF001 (what Python itself does first)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def end_with_parent() -> None:
    """Where `TIED` is set, let the system end this process when the one that started it ends, however that came."""
    if os.environ.get(TIED) and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def name_given() -> str:
    """Return the one argument of the command line."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: python -m stages.{Path(sys.argv[0]).stem} NAME")
    return sys.argv[1]


def report_mistakes(work: Callable[[], Result]) -> Result:
    """Do the work of a stage; a user's mistake is told in one line and ends it with exit status 1."""
    end_with_parent()
    try:
        return work()
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        sys.exit(1)
