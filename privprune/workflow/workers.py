"""Work side by side on the cores of this machine: forked processes, each with one thread.

With two threads sums are added up in another order. So that a cell gives the same bytes however many cores it may use
(`stages.parallel` leaves it a part of them), a job never has more than one; idle cores are for other jobs and stages.

Forking costs milliseconds, where a new interpreter pays seconds for importing torch, and the data is shared. Threads
would share one interpreter lock, which is what a step of a small net mostly waits for.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import torch

from privprune.cores import cores

Job = TypeVar("Job")
Result = TypeVar("Result")
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


def side_by_side(work: Callable[[Job], Result], jobs: Sequence[Job]) -> list[Result]:
    """Do jobs that share nothing, about as many at once as there are cores; on a GPU, or without fork, one by one.

    Args:
        work: must not depend on the order of the jobs; what it changes in its process is lost, its result counts.
        jobs: what it is called with, one after another.

    Returns:
        the results in the order of the jobs.

    Raises:
        Exception: the first that a job raised; the others are ended.

    """
    workers = _workers(len(jobs))
    if workers <= 1 or sys.platform != "linux" or torch.cuda.is_initialized():
        torch.set_num_threads(1 if sys.platform == "linux" else cores())
        try:
            return [work(job) for job in jobs]
        finally:
            torch.set_num_threads(1)
    return _forked(work, jobs, workers)


def _workers(jobs: int) -> int:
    """Choose how many jobs run at once.

    Three seeds on two cores end after one and a half times as long as one where all run at once, after twice as long
    where the third waits for one of the others, and a core for it.
    """
    return jobs if 1 < cores() < jobs < 2 * cores() else min(cores(), jobs)


def _forked(work: Callable[[Job], Result], jobs: Sequence[Job], workers: int) -> list[Result]:
    """Let each worker take the next job that nobody has taken, until none is left."""
    context = multiprocessing.get_context("fork")
    taken = context.Value("q", 0)
    lines, processes = [], []
    for _ in range(workers):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_serve, args=(work, jobs, taken, theirs), daemon=True)
        process.start()
        theirs.close()
        lines.append(ours)
        processes.append(process)
    try:
        return _collected(lines, len(jobs))
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _collected(lines: Sequence[Connection], jobs: int) -> list[Any]:
    """Take the results as they come, and put them in the order of the jobs."""
    results: list[Any] = [None] * jobs
    waiting = list(lines)
    while waiting:
        for line in multiprocessing.connection.wait(waiting):
            assert isinstance(line, Connection)  # noqa: S101 (only these were waited for)
            try:
                kind, number, content = line.recv()
            except EOFError:
                raise RuntimeError(
                    "a worker process ended before its work was done: killed, or out of memory"
                ) from None
            if kind == "done":
                waiting.remove(line)
            elif kind == "error":
                raise content
            else:
                results[number] = content
    return results


def _serve(work: Callable[[Any], Any], jobs: Sequence[Any], taken: Any, line: Connection) -> None:
    """Take jobs and send their results, until none is left."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    torch.set_num_threads(1)
    try:
        while True:
            with taken.get_lock():
                number, taken.value = taken.value, taken.value + 1
            if number >= len(jobs):
                break
            line.send(("result", number, work(jobs[number])))
        line.send(("done", -1, None))
    except Exception as failure:  # noqa: BLE001 (whatever it was, the parent raises it)
        failure.add_note(f"In a worker process:\n{traceback.format_exc()}")  # which would not travel by itself
        line.send(("error", -1, failure))
