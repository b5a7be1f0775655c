"""Stages that need not wait for torch: commands of DVC, run by processes that forked from one which has it imported.

A stage imports torch for 2 s, and many run for less. Where stages run side by side, each worker has a starter beside
it, a process that has imported what stages import and does nothing else, so that what forks from it is as `python -m
stages.NAME` after its imports. DVC decides what runs, as ever; a command of another form runs as DVC runs it.
"""

from __future__ import annotations

import ctypes
import importlib
import multiprocessing
import os
import re
import runpy
import signal
import sys
import traceback
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any, NoReturn

import dvc.stage.run
from dvc.stage.exceptions import StageCmdFailedError

_COMMAND = re.compile(r"python -m (?P<module>stages\.\w+)(?P<arguments>( [\w.:/-]+)*)")
_IMPORTED = (
    "privprune.suite.check",
    "privprune.workflow.record",
    "privprune.workflow.attack_outputs",
    "privprune.tables",
)
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
_as_dvc_does = dvc.stage.run._run  # noqa: SLF001 (DVC has no other place where a command is run)


def begin() -> None:
    """Put a starter beside this process, and let DVC's commands run through it. On systems without fork, do nothing."""
    if sys.platform != "linux":
        return
    ours, theirs = multiprocessing.Pipe()
    if os.fork() == 0:
        ours.close()
        _serve(theirs)
    theirs.close()

    def run(executable: str, command: str, **options: Any) -> None:
        found = _COMMAND.fullmatch(command)
        if found is None:
            _as_dvc_does(executable, command, **options)
            return
        ours.send((found["module"], found["arguments"].split(), options["cwd"], options["env"]))
        status = ours.recv()
        if status:
            raise StageCmdFailedError(command, status)

    dvc.stage.run._run = run  # noqa: SLF001 (see above)


def _serve(line: Connection) -> NoReturn:
    """Be a starter: fork for each command, and tell how it ended, until nobody asks any more."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    try:
        while True:
            asked = line.recv()
            for module in _IMPORTED:  # for the first that asks
                importlib.import_module(module)
            number = os.fork()
            if number == 0:
                line.close()
                _become(*asked)
            line.send(os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]))
    except EOFError:
        os._exit(0)


def _become(module: str, arguments: list[str], folder: str, environment: Mapping[str, str]) -> NoReturn:
    """Be the stage, as `python -m MODULE ARGUMENTS` would."""
    status: object = 1
    try:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = [module, *arguments]
        sys.modules.pop(module, None)  # else runpy warns that it runs it once more
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as ended:
        status = ended.code
        if isinstance(status, str):
            print(status, file=sys.stderr)
    except BaseException:  # noqa: BLE001 (as Python does at its very end)
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else int(status is not None))
