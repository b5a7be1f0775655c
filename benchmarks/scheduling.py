"""The overhead of `stages.parallel`: sixty stages that do almost nothing, in a temporary pipeline."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.commands import run
from benchmarks.measuring import Timing, by_turns
from benchmarks.result import Result
from benchmarks.throwaway import COMMAND, PipelineError, in_folder, make, python, run_dvc
from privprune.cores import cores

NAME = "scheduling"
AIM = 0.3
PLAIN = "dvc repro"


@dataclass(frozen=True)
class Size:
    """Size of the measurement: stages, numbers of jobs, rounds."""

    stages: int
    jobs: tuple[int, ...]
    rounds: int


FULL = Size(stages=60, jobs=(2, 1), rounds=3)
QUICK = Size(stages=2, jobs=(2,), rounds=1)


def measure(size: Size) -> list[Result]:
    """Run the same new pipeline with `stages.parallel` and with plain DVC in turn."""
    try:
        with tempfile.TemporaryDirectory() as temporary:
            return _measure(size, Path(temporary))
    except PipelineError as failed:
        return [_overhead(size, size.jobs[0], None, str(failed))]


def _measure(size: Size, folder: Path) -> list[Result]:
    fresh, copy = folder / "fresh", folder / "copy"
    make(fresh, size.stages, done=False)
    sides: dict[str, Callable[[], object]] = {
        _side(jobs): _in_copy(fresh, copy, python("-m", "stages.parallel", "--jobs", str(jobs))) for jobs in size.jobs
    }
    sides[PLAIN] = _in_copy(fresh, copy, ["dvc", "repro"])
    timing = by_turns(sides, size.rounds, warm_up=False)
    alone = _work(folder)
    behind = _behind(copy)
    results = []
    for jobs in size.jobs:
        total = timing.median(_side(jobs))
        note = f"{total:.1f} s in all, the work of each alone {1000 * alone:.0f} ms; {behind}"
        results.append(_overhead(size, jobs, total / size.stages - alone / min(jobs, cores()), note))
    first = size.jobs[0]
    return [*results, _ratio(size, timing, first)]


def _side(jobs: int) -> str:
    return f"--jobs {jobs}"


def _in_copy(fresh: Path, copy: Path, command: list[str]) -> Callable[[], object]:
    """Return a function that runs a command in a copy of a folder; copying takes milliseconds."""

    def work() -> None:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(fresh, copy)
        in_folder(command, copy)

    return work


def _work(folder: Path) -> float:
    """Return the seconds of one stage's command, including those of the shell that DVC starts for it."""
    command = ["sh", "-c", COMMAND.format(name="alone")]
    spent = min(run(command, folder).seconds for _ in range(5)) - min(run(["true"], folder).seconds for _ in range(5))
    return max(0.0, spent)  # may be less than the variation in starting a process


def _behind(done: Path) -> str:
    """Describe the time that is spent once per run: for the plan, and for the final `dvc repro`."""
    plan = in_folder(python("-m", "stages.parallel", "--dry-run"), done).seconds
    last = run_dvc("repro", folder=done).seconds
    return f"once per run: starting and planning {plan:.1f} s, the last word of `dvc repro` {last:.1f} s"


def _overhead(size: Size, jobs: int, seconds: float | None, note: str) -> Result:
    """Return the time per stage in addition to that of its command."""
    measured = f"stages.parallel --jobs {jobs}, {size.stages} stages: time per stage beside its work"
    aim = AIM if jobs == size.jobs[0] else None
    return Result(NAME, measured, seconds if seconds is None else max(0.0, seconds), "s", aim, "lower", note)


def _ratio(size: Size, timing: Timing, jobs: int) -> Result:
    """Return how many times faster `stages.parallel` is than plain DVC."""
    side = _side(jobs)
    note = f"{timing.median(PLAIN):.1f} s against {timing.median(side):.1f} s; {timing.spread(side, PLAIN)}"
    measured = f"{size.stages} stages that do nothing: stages.parallel {side} against `dvc repro`"
    return Result(NAME, measured, timing.times_faster(side, PLAIN), "times", None, "higher", note)
