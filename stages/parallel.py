"""Like `dvc repro`, but stages side by side: `python -m stages.parallel --jobs 2 [TARGET...]`.

The graph, what is up to date, the lock file and the cache are DVC's. Each stage that is ready is given to a process
that has DVC imported and runs it as `dvc --wait-for-lock repro --single-item STAGE` would; at the end a plain
`dvc repro` checks that nothing is left to do.
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
from typing import Protocol

from privprune.cores import cores
from privprune.datasets.sources import DataFolders
from privprune.errors import UserError
from privprune.report.timings import duration
from privprune.yaml_file import load_yaml
from stages.harness.kept_lock import restore_lock
from stages.harness.records_stage import DATA, PARAMS, REPORTS, report_mistakes
from stages.runner import dvc_adapter
from stages.runner.cluster import check_cache, cluster
from stages.runner.dry_run import Costs, data_needed, describe, machine_needed
from stages.runner.estimate import estimate
from stages.runner.lock_holders import lock_holders, remove_damaged_notes
from stages.runner.plan import RunPlan, plan, seconds_before
from stages.runner.resources import FreeResources, device_kind, resources_of_this_machine
from stages.runner.worker_pool import process_pool, reproduce

_UNKNOWN_SECONDS = 10.0  # assumed for a stage that has never run here, where stages are ordered and the rest is guessed
_SUITES = Path("params")


def main() -> None:
    """Read the command line and run."""
    arguments = _parser().parse_args()
    sys.exit(report_mistakes(lambda: _run(arguments)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stages.parallel", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="stages as for dvc repro; default: all")
    parser.add_argument(
        "--jobs", type=_at_least_one, default=cores(), metavar="N", help="stages at once; default: number of cores"
    )
    parser.add_argument("--keep-going", action="store_true", help="after a failure continue with what does not need it")
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="run at the workers of a Dask scheduler, tcp://HOST:8786"
    )
    parser.add_argument("--dry-run", action="store_true", help="list what would run, its cost, what it still needs")
    return parser


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, allowed 1 or more")
    return int(text)


def _run(arguments: argparse.Namespace) -> int:
    """Plan, run, and let DVC check; returns the exit status.

    The stage `check` comes first, whatever the targets are: it is quick, and only after it is it known which stages a
    change of the suite or of the code makes stale.

    Raises:
        UserError: another process runs stages in this folder, or the suite cannot be read.

    """
    busy = [] if arguments.dry_run else lock_holders()
    if busy:
        raise UserError(f"{busy[0]} runs stages in this folder: wait for it or end it, and run again")
    remove_damaged_notes()
    restore_lock()
    suite = load_yaml(PARAMS)  # before DVC reads it: its words for what is no YAML name no line
    status = _dvc_repro("--single-item", "check", quiet=True)
    if status:
        return status
    run_plan = plan(arguments.targets)
    earlier = seconds_before(list(run_plan.dependencies), str(suite.get("suite")), REPORTS)
    if arguments.dry_run:
        _print_dry_run(run_plan, suite, earlier, arguments.jobs)
        return 0
    if run_plan.pending:
        check_cache()
        resources, pool = _resources_and_pool(arguments, run_plan, suite.get("device"))
        dvc_adapter.warn_of_differences()
        with pool as executor:
            display = ProgressDisplay(earlier, arguments.jobs)
            stages = run_plan.pending if arguments.scheduler is None else run_plan.distributable
            failed = run_all(
                stages, executor, reproduce, display, resources, earlier=earlier, keep_going=arguments.keep_going
            )
        if failed:
            print(f"error: failed: {', '.join(failed)}", file=sys.stderr)
            return 1
    return _dvc_repro(*arguments.targets, quiet=False)


def _print_dry_run(run_plan: RunPlan, suite: Mapping[str, object], earlier: Mapping[str, float], jobs: int) -> None:
    device = suite.get("device")
    estimates, machines = estimate(list(run_plan.pending), suite, _SUITES, REPORTS, lambda: device_kind(device))
    folders = DataFolders.of(os.environ, DATA / "downloads")
    print("\n".join(describe(run_plan, Costs(earlier, estimates, machines), jobs)))
    print("\n".join([*data_needed(run_plan, suite, folders), *machine_needed(run_plan.pending_requirements, device)]))


def _dvc_repro(*targets: str, quiet: bool) -> int:
    """Run a plain `dvc repro` of some targets; returns its exit status.

    Args:
        targets: and options of the command.
        quiet: print its output only where it fails.

    """
    command = [sys.executable, "-m", "dvc", "repro", *targets]
    ended = subprocess.run(command, check=False, stdout=subprocess.PIPE if quiet else None, text=True)  # noqa: S603
    if ended.returncode and quiet:
        print(ended.stdout, file=sys.stderr)
    return ended.returncode


def _resources_and_pool(
    arguments: argparse.Namespace, run_plan: RunPlan, device: object
) -> tuple[FreeResources, contextlib.AbstractContextManager[Executor]]:
    """Choose where stages run: in processes of this machine, or at the workers of a scheduler.

    A scheduler keeps account of resources itself, so that there is no limit on them here.

    Raises:
        UserError: a stage or the suite needs more than this machine has.

    """
    requirements = run_plan.pending_requirements
    if arguments.scheduler is None:
        return resources_of_this_machine(requirements, device, arguments.jobs), process_pool(arguments.jobs)
    finished = run_plan.dependencies.keys() - run_plan.pending.keys()
    return FreeResources({}, [], 0.0, math.inf), cluster(arguments.scheduler, requirements, finished)


class Display(Protocol):
    """Shows how a run goes on."""

    def stage_ended(self, stage: str, seconds: float, remaining: Sequence[str], *, succeeded: bool) -> None:
        """Show that a stage has ended, and what remains."""


class ProgressDisplay:
    """Prints which stages have ended and about how long the remaining ones will take."""

    def __init__(self, earlier: Mapping[str, float], jobs: int) -> None:
        self._earlier, self._jobs, self._began = earlier, jobs, time.monotonic()

    def stage_ended(self, stage: str, seconds: float, remaining: Sequence[str], *, succeeded: bool) -> None:
        """Print one line about a stage that has ended."""
        rest = sum(self._earlier.get(other, _UNKNOWN_SECONDS) for other in remaining) / self._jobs
        state = "done" if succeeded else "FAILED"
        line = f"{state} {stage} in {duration(seconds)}; {len(remaining)} stages left, about {duration(rest)}"
        print(f"[{duration(time.monotonic() - self._began)}] {line}", flush=True)


def run_all(
    stages: Mapping[str, frozenset[str]],
    executor: Executor,
    work: Callable[[str, Sequence[str]], float],
    display: Display,
    resources: FreeResources,
    *,
    earlier: Mapping[str, float],
    keep_going: bool,
) -> list[str]:
    """Run stages when they are ready and the resources that they need are free, longest critical path first.

    Args:
        stages: stage -> those that must be done before it.
        executor: anything with `submit`.
        work: runs one stage on the GPUs that it is given, returns its seconds, raises if it fails.
        display: is called with each stage that ends.
        resources: which stages acquire before they run.
        earlier: seconds that stages took when they last ran.
        keep_going: after a failure, continue with all that does not depend on what failed.

    Returns:
        the stages that failed.

    """
    graph, paths = TopologicalSorter(stages), critical_paths(stages, earlier)
    graph.prepare()
    running: dict[Future[float], str] = {}
    ready, remaining, failed = list[str](), list(stages), list[str]()
    while graph.is_active():
        ready = [*ready, *graph.get_ready()] if keep_going or not failed else []
        for stage in sorted(ready, key=paths.__getitem__, reverse=True):
            gpus = resources.acquire(stage)
            if gpus is not None:
                ready.remove(stage)
                running[executor.submit(work, stage, gpus)] = stage
        if not running:  # all that remains depends on what failed
            break
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            stage, problem = running.pop(future), future.exception()
            remaining.remove(stage)
            resources.release(stage)
            display.stage_ended(stage, 0.0 if problem else future.result(), remaining, succeeded=problem is None)
            if problem is None:
                graph.done(stage)
            else:
                failed.append(stage)
                print(f"error: {stage}: {problem}", file=sys.stderr)
    return failed


def critical_paths(stages: Mapping[str, frozenset[str]], earlier: Mapping[str, float]) -> dict[str, float]:
    """Return for each stage its critical path: the seconds from its start to the end of the run, at the least.

    Args:
        stages: stage -> those that must be done before it.
        earlier: seconds that stages took when they last ran.

    """
    paths = dict.fromkeys(stages, 0.0)
    for stage in reversed(tuple(TopologicalSorter(stages).static_order())):
        paths[stage] += earlier.get(stage, _UNKNOWN_SECONDS)
        for dependency in stages[stage]:
            paths[dependency] = max(paths[dependency], paths[stage])
    return paths


if __name__ == "__main__":
    main()
