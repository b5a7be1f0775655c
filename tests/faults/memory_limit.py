"""Too little memory: a limit of the address space, and a stage or one of its workers that the system has killed."""

from __future__ import annotations

import contextlib
import re
import resource
import signal
import time
from collections.abc import Iterator

import psutil

from tests.faults.bench import Around, Bench, Ended, Outcome, Running
from tests.faults.means import limited

FAULT = "memory limit"
_STAGE = re.compile(r"-m stages\.(train|prune)")


def addresses(bench: Bench) -> Iterator[Outcome]:
    """Limit the address space (`ulimit -v`)."""
    for size in bench.addresses:
        clone = bench.fresh()
        ended = bench.run(clone, Around(prepare=limited(resource.RLIMIT_AS, int(size * 10**9))))
        yield bench.judged(FAULT, f"{size} GB of addresses (RLIMIT_AS)", clone, ended)
        bench.remove(clone)


def killed_by_the_system(bench: Bench) -> Iterator[Outcome]:
    """Kill a stage alone, or a worker of it alone, as Linux does where memory runs out; DVC goes on."""
    for what, depth in (("a stage", 0), ("a worker of a stage", 1)):
        clone = bench.fresh()
        process = bench.start(clone, Around(environment={"PRIVPRUNE_CHECKPOINT_SECONDS": "0"}))
        output = _kill_one(process, depth)
        assert process.returncode is not None
        yield bench.judged(FAULT, f"{what} killed, as Linux does it", clone, Ended(process.returncode, output))
        bench.remove(clone)


def _kill_one(process: Running, depth: int) -> str:
    """Kill the stage that trains or prunes, or the first process that it has started; returns what was printed."""
    found: list[psutil.Process] = []
    while not found:
        time.sleep(0.002)
        with contextlib.suppress(psutil.NoSuchProcess):
            stages = [one for one in psutil.Process(process.pid).children(recursive=True) if _is_stage(one)]
            found = [child for stage in stages for child in stage.children()] if depth else stages
    found[0].send_signal(signal.SIGKILL)
    return process.communicate()[0]


def _is_stage(process: psutil.Process) -> bool:
    """Return whether a process is Python, not a shell that started it, and does a stage or is forked from one."""
    command = process.cmdline()
    return "python" in process.name() and bool(_STAGE.search(" ".join(command)))
