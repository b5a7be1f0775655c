"""The same bench in miniature: stages without DVC, in a process that is forked from one that has imported torch."""

from __future__ import annotations

import contextlib
import functools
import importlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

from stages.harness.out_of_space import report_exception
from stages.harness.records_stage import report_mistakes
from tests.faults.bench import SUITE, Around, Bench, Running
from tests.support.clones import Clone

STAGES = (("train", "base"), ("attack", "pruned"))
_ONCE = (("fetch", "digits"),)
_SMALLER = (("seeds: [0, 1, 2, 3]", "seeds: [0, 1]"), ("epochs: 4", "epochs: 2"), ("target: pruned", "target: base"))
Stages = tuple[tuple[str, str], ...]
_SERVER: Any = multiprocessing.get_context("forkserver")


class Miniature(Bench):
    """Runs two stages of the suite, made smaller, each time from the first one."""

    places = ("data", "reports")
    sizes = (0.3,)
    addresses = (1.0,)

    def make_template(self) -> Clone:
        """Make a folder with the suite and its data; the code is that of this process."""
        clone = Clone(self.folder / "template")
        clone.folder.mkdir(parents=True)
        shutil.copyfile(SUITE, clone.folder / "params.yaml")
        for old, new in _SMALLER:
            clone.change(old, new)
        process = ForkedRun(clone.folder, {}, None, _ONCE)
        output, _ = process.communicate()
        assert process.returncode == 0, output
        return clone

    def started(self, clone: Clone, around: Around, *command: str) -> Running:
        """Fork a process for the stages, whatever the command is."""
        del command
        return ForkedRun(clone.folder, dict(around.environment), around.prepare, STAGES)


class ForkedRun:
    """Stages in a forked process, as `subprocess.Popen` would have them."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], prepare: Callable[[], None] | None, stages: Stages
    ) -> None:
        _SERVER.set_forkserver_preload([__name__, *(f"stages.{stage}" for stage, _ in (*_ONCE, *STAGES))])
        self._printed, printing = _SERVER.Pipe(duplex=False)
        self._process = _SERVER.Process(target=_run, args=(folder, environment, prepare, stages, printing))
        self._process.start()
        printing.close()
        self.pid: int = self._process.pid
        while self._process.is_alive() and os.getpgid(self.pid) != self.pid:
            time.sleep(0.001)

    @property
    def returncode(self) -> int | None:
        """The exit status, once the process has ended."""
        status: int | None = self._process.exitcode
        return status

    def communicate(self, *, timeout: float | None = None) -> tuple[str, None]:
        """Wait for the end, and return what was printed."""
        self._process.join(timeout)
        if self._process.is_alive():
            raise subprocess.TimeoutExpired("stages", timeout or 0.0)
        with open(self._printed.fileno(), "rb", closefd=False) as printed:
            return printed.read().decode(errors="backslashreplace"), None


def _run(
    folder: Path,
    environment: Mapping[str, str],
    prepare: Callable[[], None] | None,
    stages: Stages,
    printing: Connection,
) -> NoReturn:
    os.setsid()
    sys.dont_write_bytecode = True  # a write that a fault cuts short would leave half a module in the environment
    for stream in (1, 2):
        os.dup2(printing.fileno(), stream)
    printing.close()
    os.chdir(folder)
    os.environ.update(environment)
    time.tzset()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as Python has it
    status: Any = 1
    try:
        if prepare is not None:
            prepare()
        for stage, name in stages:
            print(f"Running stage '{stage}'", flush=True)  # noqa: T201
            main = importlib.import_module(f"stages.{stage}").main
            report_mistakes(functools.partial(main, name))
        status = 0
    except SystemExit as ended:
        status = ended.code
    except BaseException as raised:  # noqa: BLE001 (as the end of a program)
        report_exception(type(raised), raised, raised.__traceback__)
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)
