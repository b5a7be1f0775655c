"""`kill -9` at random moments: of `dvc repro`, of stages side by side, of a worker of a cluster."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator

import psutil

from tests.faults.bench import Around, Bench, Ended, Outcome, Running
from tests.support.clones import Clone, Machines

FAULT = "kill -9"
EXPECTED = "the same command again continues, and ends with the same bytes"
_OFTEN = Around(environment={"PRIVPRUNE_CHECKPOINT_SECONDS": "0"})  # stages of a second write checkpoints too
_GONE = 20.0  # seconds after which a process whose parent was killed must have ended


def serial(bench: Bench) -> Iterator[Outcome]:
    """Kill the whole process group of a plain run."""
    yield _killed(bench, "`dvc repro`, with its stage", lambda clone: bench.start(clone, _OFTEN))


def leader(bench: Bench) -> Iterator[Outcome]:
    """Kill the process of DVC alone: the stage that it has started must end by itself."""
    yield _killed(bench, "`dvc repro`, without its stage", lambda clone: bench.start(clone, _OFTEN), alone=True)


def side_by_side(bench: Bench) -> Iterator[Outcome]:
    """Kill the process that runs stages side by side, alone: what it has started must end by itself."""

    def start(clone: Clone) -> Running:
        return clone.start("-m", "stages.parallel", "--jobs", "2", **_OFTEN.environment)

    yield _killed(bench, "`stages.parallel --jobs 2`, the process that leads alone", start, alone=True)


def _killed(bench: Bench, what: str, start: Callable[[Clone], Running], *, alone: bool = False) -> Outcome:
    """Start again and again what is killed; where it reaches its end, compare, and begin with a fresh clone."""
    clone, kills, compared, during = bench.fresh(), 0, 0, Counter[str]()
    problem, repaired = "", bench.repaired
    while not problem and (kills < bench.kills or not compared):
        process = start(clone)
        moment = bench.random.uniform(0.0, bench.seconds) if kills < bench.kills else None
        try:
            output, _ = process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            kills += 1
            left, output = _kill(process, alone=alone)
            during[_stage(output)] += 1
            problem = f"{left} processes went on" if left else ""
            continue
        ended = bench.again(clone, Ended(process.returncode or 0, output))
        problem = bench.told(ended, clone) if ended.status or ended.has_traceback else bench.difference(clone)
        compared += 1
        if not problem:
            bench.remove(clone)
            clone = bench.fresh()
    where = ", ".join(f"{stage} {count}" for stage, count in during.most_common())
    by_hand = bench.repaired - repaired
    found = problem or f"same bytes each of the {compared} times that a run reached its end"
    found += f"; {by_hand} times after a file of DVC was repaired, as docs/troubleshooting.md says" if by_hand else ""
    return Outcome(FAULT, f"{what}, killed {kills} times (during: {where})", EXPECTED, found, passed=not problem)


def _kill(process: Running, *, alone: bool) -> tuple[int, str]:
    """Kill a process, with its group or alone; returns how many of its children go on, and what was printed."""
    children = psutil.Process(process.pid).children(recursive=True)
    (os.kill if alone else os.killpg)(process.pid, signal.SIGKILL)
    _, left = psutil.wait_procs(children, timeout=_GONE)
    for child in left:
        child.kill()
    return len(left), process.communicate()[0]


def _stage(output: str) -> str:
    """Return the stage during which a run ended; for stages side by side how many were done."""
    begun, done = re.findall(r"Running stage '(\w+)", output), output.count("] done ")
    return begun[-1] if begun else f"{done} done" if done else "start"


def worker(bench: Bench) -> Iterator[Outcome]:
    """Kill one of two workers of a cluster, and start it again, while the head goes on."""
    kills, compared, problem = 0, 0, ""
    head = bench.fresh()
    machines = Machines(head, bench.folder / "cluster")
    try:
        for _ in range(2):
            machines.add()
        while not problem and (kills < bench.kills or not compared):
            _forget(bench, head, *machines.clones)
            here, ended = _head_under_kills(bench, machines, bench.kills - kills)
            kills, compared = kills + here, compared + 1
            problem = bench.told(ended, head) if ended.status or ended.has_traceback else bench.difference(head)
    finally:
        machines.end()
    found = problem or f"same bytes each of the {compared} times that the head reached its end"
    done = f"a worker of two of `stages.parallel --scheduler`, killed {kills} times, and started again"
    yield Outcome(FAULT, done, "the head ends with the same bytes", found, passed=not problem)


def _forget(bench: Bench, *clones: Clone) -> None:
    """Remove all that was made, in the clones and in the cache that they share; what git has in `data/` stays."""
    for folder in (clone.folder for clone in clones):
        for name in ("reports", "data", "mlflow.db", "dvc.lock", ".dvc/cache", ".dvc/tmp"):
            path = folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        shutil.copytree(bench.template.folder / "data", folder / "data")


def _head_under_kills(bench: Bench, machines: Machines, most: int) -> tuple[int, Ended]:
    log, kills = bench.folder / "head.log", 0
    log.unlink(missing_ok=True)
    process = machines.head.start("-m", "stages.parallel", "--scheduler", machines.address, log=log)
    due = time.monotonic() + bench.random.uniform(0.0, bench.seconds)
    while process.poll() is None:
        time.sleep(0.05)
        if kills < most and time.monotonic() >= due:
            number = bench.random.randrange(len(machines.workers))
            os.killpg(machines.workers[number].pid, signal.SIGKILL)
            machines.restart(number)
            kills += 1
            due = time.monotonic() + bench.random.uniform(0.0, bench.seconds)
    return kills, Ended(process.returncode, log.read_text(errors="replace"))
