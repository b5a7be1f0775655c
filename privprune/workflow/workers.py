"""Run jobs at the same time on the cores of this machine, in forked processes of one thread each.

Sums of floating-point numbers depend on the number of threads, which decides the order of additions. A job therefore
never has more than one thread, so that a cell has the same bytes however many cores it may use (`stages.parallel`
gives each stage a part of them). Idle cores are left to other jobs and stages.

Processes are forked, because a new interpreter takes seconds to import torch, and a fork takes milliseconds and shares
the data. Threads of one process would wait for the interpreter lock, which bounds the speed of steps of small networks.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import torch

from privprune.cores import cores
from privprune.errors import UserError
from privprune.parent_process import end_with_parent

Job = TypeVar("Job")
Result = TypeVar("Result")


def run_in_workers(work: Callable[[Job], Result], jobs: Sequence[Job]) -> list[Result]:
    """Run independent jobs, about as many at once as there are cores.

    On a GPU, on one core and where processes cannot be forked, jobs run one after another in this process.

    Args:
        work: computes the result of one job. It must not depend on the order of jobs; what it changes in memory is lost
            with its process.
        jobs: the arguments of `work`.

    Returns:
        the results in the order of the jobs; they must be picklable.

    Raises:
        Exception: the first exception that a job raised; the remaining workers are terminated.
        UserError: a worker was killed.

    """
    workers = _number_of_workers(len(jobs))
    if workers <= 1 or sys.platform != "linux" or torch.cuda.is_initialized():
        torch.set_num_threads(1 if sys.platform == "linux" else cores())
        try:
            return [work(job) for job in jobs]
        finally:
            torch.set_num_threads(1)
    return _run_forked(work, jobs, workers)


def _number_of_workers(jobs: int) -> int:
    """Choose how many jobs run at once: where there are several cores, one more than these.

    With three jobs on two cores, running all at once takes 1.5 times as long as one job; letting the third wait for a
    core takes twice as long, with one core idle in the second half. So it is at the end of any number of jobs.
    """
    return min(jobs, cores() + 1) if cores() > 1 else 1


def _run_forked(work: Callable[[Job], Result], jobs: Sequence[Job], workers: int) -> list[Result]:
    """Fork workers; each takes the next job that no worker has taken, until none is left."""
    context = multiprocessing.get_context("fork")
    next_job = context.Value("q", 0)
    connections, processes = [], []
    for _ in range(workers):
        receiving, sending = context.Pipe(duplex=False)
        process = context.Process(target=_serve, args=(work, jobs, next_job, sending, os.getpid()), daemon=True)
        process.start()
        sending.close()
        connections.append(receiving)
        processes.append(process)
    try:
        return _collect(connections, len(jobs))
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _collect(connections: Sequence[Connection], jobs: int) -> list[Any]:
    """Receive the results in the order in which jobs end, and return them in the order of the jobs."""
    results: list[Any] = [None] * jobs
    waiting = list(connections)
    while waiting:
        for connection in multiprocessing.connection.wait(waiting):
            assert isinstance(connection, Connection)  # noqa: S101 (only connections were waited for)
            try:
                kind, number, content = connection.recv()
            except EOFError:
                raise UserError("a worker process ended before its work was done: killed, or out of memory") from None
            if kind == "done":
                waiting.remove(connection)
            elif kind == "error":
                raise content
            else:
                results[number] = content
    return results


def _serve(work: Callable[[Any], Any], jobs: Sequence[Any], next_job: Any, connection: Connection, parent: int) -> None:
    """Take jobs and send their results, until no job is left."""
    if sys.platform == "linux":
        end_with_parent()
        if os.getppid() != parent:  # it ended before
            return
    torch.set_num_threads(1)
    try:
        while True:
            with next_job.get_lock():
                number, next_job.value = next_job.value, next_job.value + 1
            if number >= len(jobs):
                break
            connection.send(("result", number, work(jobs[number])))
        connection.send(("done", -1, None))
    except Exception as failure:  # noqa: BLE001 (the parent raises it again, whatever it is)
        # A traceback is not sent with an exception, so it travels as a note.
        failure.add_note(f"In a worker process:\n{traceback.format_exc()}")
        connection.send(("error", -1, failure))
