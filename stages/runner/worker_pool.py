"""Stages on the cores of this machine: processes that keep DVC imported, each with its share of the cores."""

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

import dvc.lock

from stages.harness.records_stage import TIED
from stages.runner import lock_file, prefork

_INTERRUPTED = 130  # exit status by custom
_ASKED_IN = 0.12  # seconds in which DVC asks six times for a lock that another worker holds; its own are 3
_VISIBLE = "CUDA_VISIBLE_DEVICES"


@contextlib.contextmanager
def pool(jobs: int) -> Iterator[Executor]:
    """Keep processes that have DVC imported; on Ctrl-C they end with what they run, and nothing half-made counts."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["stages.runner.run_cache", "stages.runner.lock_file", "stages.runner.prefork"])
    places = context.Queue()
    for number in range(jobs):
        places.put(share(number, jobs))
    made = ProcessPoolExecutor(jobs, mp_context=context, initializer=_settle, initargs=(places,))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield made
    except KeyboardInterrupt:
        running = list(made._processes)  # noqa: SLF001 (there is no other way to end what they run)
        made.shutdown(wait=False, cancel_futures=True)  # and afterwards it knows them no more
        for number in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(number, signal.SIGTERM)
        print("interrupted: what was running will run again, all that was done counts", file=sys.stderr)
        sys.exit(_INTERRUPTED)
    finally:
        made.shutdown(wait=False, cancel_futures=True)


def share(number: int, jobs: int) -> list[int]:
    """Return the cores of one of several jobs: an equal part, one at least."""
    cores = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
    each = max(1, len(cores) // jobs)
    return [cores[(number * each + place) % len(cores)] for place in range(each)] if cores else []


def _settle(places: Any) -> None:
    """Begin a worker: a process group of its own, so that what it runs can be ended with it, its cores, a starter."""
    os.setpgid(0, 0)
    cores = places.get()
    if cores:
        os.sched_setaffinity(0, cores)
    dvc.lock.DEFAULT_TIMEOUT = _ASKED_IN  # of a lock that is waited for only how often it is asked for hangs on it
    lock_file.begin()
    prefork.begin()
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()


def _end_with(parent: Any) -> None:
    """Wait until the process that asks for stages has ended, however that came, and end with all that runs here."""
    parent.join()
    os.killpg(0, signal.SIGKILL)


def reproduce(stage: str, gpus: Sequence[str]) -> float:
    """Run one stage through DVC, in a worker; returns its seconds.

    Args:
        stage: its address.
        gpus: those that it has taken and may see; none for a stage that said nothing, which sees what there is.

    """
    from dvc.repo import Repo  # noqa: PLC0415 (imported already where the workers fork from)

    from stages.runner.run_cache import keep  # noqa: PLC0415 (the same)

    os.environ[TIED] = "yes"
    began, before = time.monotonic(), os.environ.get(_VISIBLE)
    if gpus:
        os.environ[_VISIBLE] = ",".join(gpus)
    try:
        repo = Repo(_wait_for_lock=True)
        keep(repo, repo.reproduce([stage], single_item=True))
    finally:
        os.environ.pop(_VISIBLE, None)
        os.environ.update({} if before is None else {_VISIBLE: before})
    return time.monotonic() - began


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
