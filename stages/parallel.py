"""The same as `dvc repro`, stages side by side: `python -m stages.parallel --jobs 2 [TARGET...]`.

The graph, what is up to date, the lock file and the cache are DVC's. Each stage that is ready is given to a process
that keeps DVC imported and runs it as `dvc --wait-for-lock repro --single-item STAGE` would; at the end a plain
`dvc repro` has the last word.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from privprune.datasets.sources import Places
from privprune.report.timings import duration
from privprune.yaml_file import load_yaml
from stages.harness.records_stage import DATA, PARAMS, REPORTS, report_mistakes
from stages.runner.cluster import check_cache, cluster
from stages.runner.dry_run import Costs, data_needed, described, machine_needed
from stages.runner.estimate import estimated
from stages.runner.plan import RunPlan, plan, seconds_before
from stages.runner.resources import Room, room_here
from stages.runner.worker_pool import cores, pool, reproduce

_UNKNOWN = 10.0  # seconds, for a stage that has never run here: only the estimate of what is left hangs on it
_SUITES = Path("params")


def main() -> None:
    """Read the command line and run."""
    asked = _arguments().parse_args()
    sys.exit(report_mistakes(lambda: _run(asked)))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stages.parallel", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="stages as for dvc repro; all without any")
    parser.add_argument("--jobs", type=_at_least_one, default=cores(), metavar="N", help="stages at once; cores")
    parser.add_argument(
        "--keep-going", action="store_true", help="after a failure go on with all that does not need it"
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="run at the workers of a Dask scheduler, tcp://HOST:8786"
    )
    parser.add_argument("--dry-run", action="store_true", help="list what would run, its cost, what it still needs")
    return parser


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, allowed 1 or more")
    return int(text)


def _run(asked: argparse.Namespace) -> int:
    """RunPlan, run, and let DVC check; returns the exit status.

    The stage `check` comes first, whatever was asked for: it is quick, and only after it is it known which stages a
    change of the suite or of the code touches.
    """
    checked = _dvc("--single-item", "check", quiet=True)
    if checked:
        return checked
    found = plan(asked.targets)
    suite = load_yaml(PARAMS)
    before = seconds_before(list(found.needs), str(suite.get("suite")), REPORTS)
    if asked.dry_run:
        guessed, sources = estimated(list(found.waiting), suite, _SUITES, REPORTS)
        print("\n".join(described(found, Costs(before, guessed, sources), asked.jobs)))
        places = Places.of(os.environ, DATA / "downloads")
        print("\n".join([*data_needed(found, suite, places), *machine_needed(found.wanted, suite.get("device"))]))
        return 0
    if found.waiting:
        check_cache()
        room, where = _room(asked, found, suite.get("device"))
        with where as executor:
            board = _Board(before, asked.jobs)
            stages = found.waiting if asked.scheduler is None else found.elsewhere
            failed = run_all(stages, executor, reproduce, board, room, keep_going=asked.keep_going)
        if failed:
            print(f"error: failed: {', '.join(failed)}", file=sys.stderr)
            return 1
    return _dvc(*asked.targets, quiet=False)


def _dvc(*targets: str, quiet: bool) -> int:
    """Run a plain `dvc repro` of some targets, told only where it fails if `quiet`; returns its exit status."""
    command = [sys.executable, "-m", "dvc", "repro", *targets]
    ended = subprocess.run(command, check=False, stdout=subprocess.PIPE if quiet else None, text=True)  # noqa: S603
    if ended.returncode and quiet:
        print(ended.stdout, file=sys.stderr)
    return ended.returncode


def _room(
    asked: argparse.Namespace, found: RunPlan, device: object
) -> tuple[Room, contextlib.AbstractContextManager[Executor]]:
    """Choose where stages run, in processes of this machine or at the workers of a scheduler, which has its own room.

    Raises:
        UserError: a stage or the suite needs more than this machine has.

    """
    if asked.scheduler is None:
        return room_here(found.wanted, device, asked.jobs), pool(asked.jobs)
    done = found.needs.keys() - found.waiting.keys()
    return Room({}, [], 0.0, math.inf), cluster(asked.scheduler, found.wanted, done)


class _Board:
    """Tells what is done and about how long the rest will take."""

    def __init__(self, before: Mapping[str, float], jobs: int) -> None:
        self.before, self._jobs, self._began = before, jobs, time.monotonic()

    def told(self, stage: str, seconds: float, left: Sequence[str], *, ended_well: bool) -> None:
        """Print one line about a stage that has ended."""
        rest = sum(self.before.get(other, _UNKNOWN) for other in left) / self._jobs
        state = "done" if ended_well else "FAILED"
        line = f"{state} {stage} in {duration(seconds)}; {len(left)} stages left, about {duration(rest)}"
        print(f"[{duration(time.monotonic() - self._began)}] {line}", flush=True)


def run_all(
    waiting: Mapping[str, frozenset[str]],
    executor: Executor,
    work: Callable[[str, Sequence[str]], float],
    board: Any,
    room: Room,
    *,
    keep_going: bool,
) -> list[str]:
    """Run stages as they become ready, and as there is room for what they need; what most hangs on goes first.

    Args:
        waiting: stage -> those that must be done before it.
        executor: anything with `submit`.
        work: runs one stage on the GPUs that it was given, returns its seconds, raises if it fails.
        board: told of each stage that ends; has, as `before`, how long stages took when they last ran.
        room: what stages take before they run.
        keep_going: after a failure, go on with all that does not need what failed.

    Returns:
        the stages that failed.

    """
    graph, behind = TopologicalSorter(waiting), longest_way(waiting, board.before)
    graph.prepare()
    running: dict[Future[float], str] = {}
    ready, left, failed = list[str](), list(waiting), list[str]()
    while graph.is_active():
        ready = [*ready, *graph.get_ready()] if keep_going or not failed else []
        for stage in sorted(ready, key=behind.__getitem__, reverse=True):
            gpus = room.take(stage)
            if gpus is not None:
                ready.remove(stage)
                running[executor.submit(work, stage, gpus)] = stage
        if not running:  # all the rest waits for what failed
            break
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            stage, problem = running.pop(future), future.exception()
            left.remove(stage)
            room.give(stage)
            board.told(stage, 0.0 if problem else future.result(), left, ended_well=problem is None)
            if problem is None:
                graph.done(stage)
            else:
                failed.append(stage)
                print(f"error: {stage}: {problem}", file=sys.stderr)
    return failed


def longest_way(waiting: Mapping[str, frozenset[str]], before: Mapping[str, float]) -> dict[str, float]:
    """Return for each stage how many seconds at least lie between its beginning and the end of the run."""
    ways = dict.fromkeys(waiting, 0.0)
    for stage in reversed(tuple(TopologicalSorter(waiting).static_order())):
        ways[stage] += before.get(stage, _UNKNOWN)
        for need in waiting[stage]:
            ways[need] = max(ways[need], ways[stage])
    return ways


if __name__ == "__main__":
    main()
