"""The same as `dvc repro`, stages side by side: `python -m stages.parallel --jobs 2 [TARGET...]`.

The graph, what is up to date, the lock file and the cache are DVC's. Each stage that is ready is given to a process
that keeps DVC imported and runs it as `dvc --wait-for-lock repro --single-item STAGE` would; at the end a plain
`dvc repro` has the last word.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from graphlib import TopologicalSorter
from typing import Any

from privprune.report.timings import duration
from privprune.settings import load_yaml
from stages.cluster import cluster
from stages.graph import Plan, plan, seconds_before
from stages.reading import PARAMS, REPORTS, TIED, mistakes_told

_UNKNOWN = 10.0  # seconds, for a stage that has never run here: only the estimate of what is left hangs on it
_INTERRUPTED = 130  # exit status by custom


def main() -> None:
    """Read the command line and run."""
    asked = _arguments().parse_args()
    sys.exit(mistakes_told(lambda: _run(asked)))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stages.parallel", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="stages as for dvc repro; all without any")
    parser.add_argument("--jobs", type=_at_least_one, default=_cores(), metavar="N", help="stages at once; cores")
    parser.add_argument(
        "--keep-going", action="store_true", help="after a failure go on with all that does not need it"
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="run at the workers of a Dask scheduler, tcp://HOST:8786"
    )
    parser.add_argument("--dry-run", action="store_true", help="list what would run, with the time it took before")
    return parser


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, allowed 1 or more")
    return int(text)


def _run(asked: argparse.Namespace) -> int:
    """Plan, run, and let DVC check; returns the exit status.

    The stage `check` comes first, whatever was asked for: it is quick, and only after it is it known which stages a
    change of the suite or of the code touches.
    """
    checked = _dvc("check", quiet=True)
    if checked:
        return checked
    found = plan(asked.targets)
    before = seconds_before(list(found.needs), str(load_yaml(PARAMS).get("suite")), REPORTS)
    if asked.dry_run:
        print("\n".join(described(found, before, asked.jobs)))
        return 0
    if found.waiting:
        with _executor(asked, found) as pool:
            failed = run_all(found.waiting, pool, _reproduce, _Board(before, asked.jobs), keep_going=asked.keep_going)
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


def _executor(asked: argparse.Namespace, found: Plan) -> contextlib.AbstractContextManager[Executor]:
    """Choose where stages run: in processes of this machine, or at the workers of a scheduler."""
    if asked.scheduler is None:
        return _pool(asked.jobs)
    needs = {stage: wanted for stage in found.waiting if (wanted := found.resources.get(stage))}
    return cluster(asked.scheduler, needs)


def described(found: Plan, before: Mapping[str, float], jobs: int) -> list[str]:
    """List what would run, line by line, and about how long it would take."""
    waiting = found.waiting
    lines = [
        f"{stage:<44} {'runs' if stage in found.changed else 'if its inputs change':<21} "
        f"{duration(before[stage]) if stage in before else 'no earlier time'}"
        for stage in waiting
    ]
    known = sum(before[stage] for stage in waiting if stage in before)
    unknown = sum(stage not in before for stage in waiting)
    shared = f"{duration(known)} of earlier times, about {duration(known / jobs)} with {jobs} at once"
    return [*lines, f"{len(waiting)} of {len(found.needs)} stages; {shared}; {unknown} without an earlier time"]


class _Board:
    """Tells what is done and about how long the rest will take."""

    def __init__(self, before: Mapping[str, float], jobs: int) -> None:
        self._before, self._jobs, self._began = before, jobs, time.monotonic()

    def told(self, stage: str, seconds: float, left: Sequence[str], *, ended_well: bool) -> None:
        """Print one line about a stage that has ended."""
        rest = sum(self._before.get(other, _UNKNOWN) for other in left) / self._jobs
        state = "done" if ended_well else "FAILED"
        line = f"{state} {stage} in {duration(seconds)}; {len(left)} stages left, about {duration(rest)}"
        print(f"[{duration(time.monotonic() - self._began)}] {line}", flush=True)


def run_all(
    waiting: Mapping[str, frozenset[str]],
    executor: Executor,
    work: Callable[[str], float],
    board: Any,
    *,
    keep_going: bool,
) -> list[str]:
    """Run stages as they become ready.

    Args:
        waiting: stage -> those that must be done before it.
        executor: anything with `submit`.
        work: runs one stage, returns its seconds, raises if it fails.
        board: told of each stage that ends.
        keep_going: after a failure, go on with all that does not need what failed.

    Returns:
        the stages that failed.

    """
    graph = TopologicalSorter(waiting)
    graph.prepare()
    running: dict[Future[float], str] = {}
    left, failed = list(waiting), list[str]()
    while graph.is_active():
        ready = graph.get_ready() if keep_going or not failed else ()
        running |= {executor.submit(work, stage): stage for stage in ready}
        if not running:  # all the rest waits for what failed
            break
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            stage, problem = running.pop(future), future.exception()
            left.remove(stage)
            board.told(stage, 0.0 if problem else future.result(), left, ended_well=problem is None)
            if problem is None:
                graph.done(stage)
            else:
                failed.append(stage)
                print(f"error: {stage}: {problem}", file=sys.stderr)
    return failed


@contextlib.contextmanager
def _pool(jobs: int) -> Iterator[Executor]:
    """Keep processes that have DVC imported; on Ctrl-C they end with what they run, and nothing half-made counts."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["dvc.repo"])
    places = context.Queue()
    for number in range(jobs):
        places.put(_share(number, jobs))
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_settle, initargs=(places,))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield pool
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        for number in list(pool._processes):  # noqa: SLF001 (there is no other way to end what they run)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(number, signal.SIGTERM)
        print("interrupted: what was running will run again, all that was done counts", file=sys.stderr)
        sys.exit(_INTERRUPTED)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _share(number: int, jobs: int) -> list[int]:
    """Return the cores of one of several jobs: an equal part, one at least."""
    cores = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
    each = max(1, len(cores) // jobs)
    return [cores[(number * each + place) % len(cores)] for place in range(each)] if cores else []


def _settle(places: Any) -> None:
    """Begin a worker: a process group of its own, so that what it runs can be ended with it, and its own cores."""
    os.setpgid(0, 0)
    cores = places.get()
    if cores:
        os.sched_setaffinity(0, cores)


def _reproduce(stage: str) -> float:
    """Run one stage through DVC, in a worker; returns its seconds."""
    from dvc.repo import Repo  # noqa: PLC0415 (imported already where the workers fork from)

    os.environ[TIED] = "yes"
    began = time.monotonic()
    Repo(_wait_for_lock=True).reproduce([stage], single_item=True)
    return time.monotonic() - began


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


if __name__ == "__main__":
    main()
