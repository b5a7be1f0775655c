"""Work side by side in forked processes."""

import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from privprune.errors import UserError
from privprune.workflow import workers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")


@pytest.fixture
def on_cores(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that sets how many cores there seem to be."""
    return lambda count: monkeypatch.setattr(workers, "cores", lambda: count)


@pytest.mark.parametrize("cores", [1, 2, 8])
@pytest.mark.parametrize("jobs", [0, 1, 7])
def test_results_come_in_the_order_of_the_jobs(on_cores: Callable[[int], None], cores: int, jobs: int) -> None:
    """However many work at once, the results are those of a loop, and the jobs that end last are not last."""
    on_cores(cores)

    def square(number: int) -> int:
        time.sleep(0.002 * (jobs - number))
        return number * number

    assert workers.run_in_workers(square, range(jobs)) == [number * number for number in range(jobs)]
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(("cores", "jobs", "at_once"), [(2, 3, 3), (2, 6, 3), (4, 3, 3)])
def test_a_last_job_does_not_wait_for_a_core(
    on_cores: Callable[[int], None], cores: int, jobs: int, at_once: int
) -> None:
    """One job more than there are cores runs at once, and shares them; the others take turns."""
    on_cores(cores)
    running, most = multiprocessing.Value("i", 0), multiprocessing.Value("i", 0)
    all_there = multiprocessing.Barrier(at_once)

    def work(_: int) -> None:
        with running.get_lock():
            running.value += 1
            most.value = max(most.value, running.value)
        all_there.wait(timeout=60)
        with running.get_lock():
            running.value -= 1

    workers.run_in_workers(work, range(jobs))
    assert most.value == at_once


def test_jobs_run_in_processes_of_their_own(on_cores: Callable[[int], None]) -> None:
    """What a job changes is lost, it has one thread however many cores there are, and the caller keeps its own."""
    on_cores(4)
    changed: list[int] = []

    def work(number: int) -> tuple[int, int]:
        changed.append(number)
        return os.getpid(), torch.get_num_threads()

    found = workers.run_in_workers(work, range(2))
    assert os.getpid() not in {process for process, _ in found}
    assert [threads for _, threads in found] == [1, 1]
    assert changed == []
    assert torch.get_num_threads() == 1


def test_a_job_alone_has_one_thread_too(on_cores: Callable[[int], None]) -> None:
    """With more threads sums are rounded otherwise, and the bytes of a cell would depend on the number of cores."""
    on_cores(4)
    assert workers.run_in_workers(lambda _: torch.get_num_threads(), range(1)) == [1]


@pytest.mark.parametrize("cores", [1, 2])
def test_a_failing_job_ends_all(on_cores: Callable[[int], None], cores: int) -> None:
    """What a job raises is raised, with the place where it was, and those that still work are ended."""
    on_cores(cores)

    def work(number: int) -> int:
        if number == 0:
            raise UserError("suite.yaml: wrong")
        time.sleep(60)
        return number

    began = time.monotonic()
    with pytest.raises(UserError) as raised:
        workers.run_in_workers(work, range(3))
    assert time.monotonic() - began < 20
    assert str(raised.value) == "suite.yaml: wrong"
    assert 'raise UserError("suite.yaml: wrong")' in "".join(traceback.format_exception(raised.value))
    assert multiprocessing.active_children() == []
    assert torch.get_num_threads() == 1


def test_a_worker_that_vanishes_is_reported(on_cores: Callable[[int], None]) -> None:
    """A worker that is killed, or leaves without a word, ends the work with one line."""
    on_cores(2)
    for end in (lambda: os._exit(3), lambda: os.kill(os.getpid(), signal.SIGKILL)):

        def work(number: int, end: Callable[[], Any] = end) -> int:
            if number == 1:
                end()
            return number

        with pytest.raises(UserError, match="a worker process ended before its work was done: killed, or out of"):
            workers.run_in_workers(work, range(4))
        assert multiprocessing.active_children() == []


def test_a_result_that_cannot_travel_is_reported(on_cores: Callable[[int], None]) -> None:
    """A job whose result cannot be sent raises instead of hanging."""
    on_cores(2)
    with pytest.raises(Exception, match="pickle"):
        workers.run_in_workers(lambda _: lambda: None, range(2))


def test_workers_die_with_their_parent(on_cores: Callable[[int], None], tmp_path: Path) -> None:
    """A stage that is killed leaves no worker behind."""
    on_cores(2)

    def work(number: int) -> None:
        (tmp_path / str(number)).write_text(str(os.getpid()))
        time.sleep(60)

    parent = multiprocessing.get_context("fork").Process(target=lambda: workers.run_in_workers(work, range(2)))
    parent.start()
    until = time.monotonic() + 20
    while len(list(tmp_path.iterdir())) < 2 or not all(path.read_text() for path in tmp_path.iterdir()):
        assert time.monotonic() < until
        time.sleep(0.01)
    assert parent.pid is not None
    os.kill(parent.pid, signal.SIGKILL)
    parent.join()
    processes = [Path("/proc") / path.read_text() for path in tmp_path.iterdir()]
    while any(process.exists() and "Z" not in state_of(process) for process in processes):
        assert time.monotonic() < until
        time.sleep(0.01)


def state_of(process: Path) -> str:
    """Return the state of a process, Z for one that has ended and waits for its parent to notice."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
