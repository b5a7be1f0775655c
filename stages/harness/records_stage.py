"""What stages share that read records and never train: paths, how a mistake is reported, how a stage ends. No torch.

`end` ends the process without Python's own clean-up, which would release torch's modules one by one.

What it saves: 0.7 s of each stage that has imported torch, a fifth of the time of a process that only imports what
stages import (medians of four on a busy machine, by turns: 14.8 s against 18.9 s). The plain way is to return from the
script; files are closed and written by then, and what is registered with `atexit` is called in both ways.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

from privprune import parent_process
from privprune.errors import UserError
from stages.harness.kept_lock import keep_lock

PARAMS = Path("params.yaml")
DATA = Path("data")
REPORTS = Path("reports")
END_WITH_PARENT = "PRIVPRUNE_END_WITH_PARENT"  # set where stages run side by side, see `end_with_parent`
_DVC_STAGE = "DVC_STAGE"  # set by DVC for the commands of stages

Result = TypeVar("Result")


def run(stage: Callable[[str], None]) -> NoReturn:
    """Run a stage on the name given on the command line, and end."""
    name = name_given()
    report_mistakes(lambda: stage(name))
    end()


def end() -> NoReturn:
    """End this process with status 0, after the functions registered with `atexit` (see above for what that saves)."""
    atexit._run_exitfuncs()  # noqa: SLF001 (Python itself begins with this)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def end_with_parent() -> None:
    """Let the system end this process with its parent, however that ends, where DVC or `stages.parallel` is that.

    Left behind, it would go on beside the stage that the next `dvc repro` starts, in the same folders.
    """
    of_another = os.environ.get(END_WITH_PARENT) or os.environ.get(_DVC_STAGE)
    if of_another:
        parent_process.end_with_parent()


def name_given() -> str:
    """Return the one argument of the command line."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: python -m stages.{Path(sys.argv[0]).stem} NAME")
    return sys.argv[1]


def report_mistakes(work: Callable[[], Result]) -> Result:
    """Do the work of a stage and return its result; a UserError is printed in one line and ends it with status 1."""
    end_with_parent()
    try:
        if os.environ.get(_DVC_STAGE):
            keep_lock()
        return work()
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        sys.exit(1)
