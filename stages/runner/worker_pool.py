"""Stages on the cores of this machine: worker processes that have DVC imported, each bound to its part of the cores."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from typing import Any

from stages.harness.records_stage import END_WITH_PARENT
from stages.runner import dvc_adapter, lock_file, prefork, run_cache

_INTERRUPTED = 130  # exit status of a program that Ctrl-C ended, by convention
_LOCK_TIMEOUT = 0.12  # seconds in which DVC tries a lock six times that another worker has; its own default is 3
_VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"


@contextlib.contextmanager
def process_pool(jobs: int) -> Iterator[Executor]:
    """Start worker processes for stages; Ctrl-C ends them and what they run, and an unfinished stage counts as not run.

    Args:
        jobs: number of workers.

    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["stages.runner.worker_pool"])
    affinities = context.Queue()
    for number in range(jobs):
        affinities.put(cpu_affinity(number, jobs))
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_initialise_worker, initargs=(affinities,))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield pool
    except KeyboardInterrupt:
        workers = list(pool._processes)  # noqa: SLF001 (there is no other way to end what they run)
        pool.shutdown(wait=False, cancel_futures=True)  # afterwards the pool does not know its workers any more
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker, signal.SIGTERM)
        print("interrupted: what was running will run again, all that was done counts", file=sys.stderr)
        sys.exit(_INTERRUPTED)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def cpu_affinity(number: int, jobs: int) -> list[int]:
    """Return the cores that one of several jobs may use: an equal part of all, at least one; nothing but on Linux."""
    cores = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
    each = max(1, len(cores) // jobs)
    return [cores[(number * each + offset) % len(cores)] for offset in range(each)] if cores else []


def _initialise_worker(affinities: Any) -> None:
    """Initialise a worker: process group, CPU affinity, DVC's replacements, end with the parent.

    The process group is the worker's, so that a signal to it reaches what the worker runs.
    """
    os.setpgid(0, 0)
    cores = affinities.get()
    if cores:
        os.sched_setaffinity(0, cores)
    dvc_adapter.replace_lock_timeout(_LOCK_TIMEOUT)
    lock_file.install()
    prefork.install()
    threading.Thread(target=_end_with_parent, args=(multiprocessing.parent_process(),), daemon=True).start()


def _end_with_parent(parent: Any) -> None:
    """Wait until the parent process has ended, for whatever reason, and end all processes of this worker."""
    parent.join()
    os.killpg(0, signal.SIGKILL)


def reproduce(stage: str, gpus: Sequence[str]) -> float:
    """Run one stage through DVC, in a worker; returns its seconds.

    Args:
        stage: its address.
        gpus: those that it may see; none for a stage without requirements, which sees all that this process sees.

    """
    os.environ[END_WITH_PARENT] = "yes"
    began, before = time.monotonic(), os.environ.get(_VISIBLE_GPUS)
    if gpus:
        os.environ[_VISIBLE_GPUS] = ",".join(gpus)
    try:
        run_cache.reproduce_and_save(stage, alone=True)
    finally:
        os.environ.pop(_VISIBLE_GPUS, None)
        os.environ.update({} if before is None else {_VISIBLE_GPUS: before})
    return time.monotonic() - began
