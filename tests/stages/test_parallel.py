"""Stages side by side: order, failures, estimates and the command line, with threads instead of DVC."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import pytest

from stages import parallel
from stages.runner import worker_pool
from stages.runner.resources import Room

DIAMOND = {
    "check": frozenset[str](),
    "train@a": frozenset({"check"}),
    "train@b": frozenset({"check"}),
    "evaluate": frozenset({"train@a", "train@b"}),
}
ROOM = Room({}, [], 0.0, 9)  # nothing here needs any


class Silent:
    """A board that keeps what it is told."""

    before: ClassVar = {"check": 1.0, "train@a": 2.0, "train@b": 20.0}

    def __init__(self) -> None:
        self.lines: list[tuple[str, int, bool]] = []

    def told(self, stage: str, seconds: float, left: Sequence[str], *, ended_well: bool) -> None:
        assert seconds >= 0
        self.lines.append((stage, len(left), ended_well))


def run(fails: str, *, keep_going: bool, jobs: int = 2) -> tuple[list[str], list[str]]:
    """Run the diamond with one stage that fails; returns what failed and what was begun."""
    begun: list[str] = []

    def work(stage: str, _: Sequence[str]) -> float:
        begun.append(stage)
        if stage == fails:
            raise RuntimeError("exited with 1")
        time.sleep(0.02 if stage.endswith("@b") else 0)
        return 0.1

    with ThreadPoolExecutor(jobs) as executor:
        failed = parallel.run_all(DIAMOND, executor, work, Silent(), ROOM, keep_going=keep_going)
    return failed, begun


def test_nothing_runs_before_what_it_needs() -> None:
    """A stage begins when all that it waits for has ended, and each runs once."""
    failed, begun = run("", keep_going=False)
    assert failed == []
    assert begun[0] == "check"
    assert sorted(begun[1:3]) == ["train@a", "train@b"]
    assert begun[3:] == ["evaluate"]


def test_what_most_hangs_on_goes_first() -> None:
    """Of two ready stages the longer one begins, and a stage counts with all that has to follow it."""
    assert run("", keep_going=False, jobs=1)[1] == ["check", "train@b", "train@a", "evaluate"]
    ways = parallel.longest_way(DIAMOND, {"check": 1.0, "train@a": 2.0, "train@b": 20.0, "evaluate": 5.0})
    assert ways == {"evaluate": 5.0, "train@a": 7.0, "train@b": 25.0, "check": 26.0}


def test_two_run_at_once() -> None:
    """Stages that do not need one another run at the same time: each waits here for the other."""
    meeting = threading.Barrier(2, timeout=20)

    def work(*_: object) -> float:
        meeting.wait()
        return 0.0

    both = {"a": frozenset[str](), "b": frozenset[str]()}
    with ThreadPoolExecutor(2) as executor:
        assert parallel.run_all(both, executor, work, Silent(), ROOM, keep_going=False) == []


def test_a_failure_stops_what_depends_on_it_and_with_keep_going_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What needs a failed stage never begins; without --keep-going nothing new does."""
    failed, begun = run("train@a", keep_going=True)
    assert failed == ["train@a"]
    assert sorted(begun) == ["check", "train@a", "train@b"]
    assert "error: train@a: exited with 1" in capsys.readouterr().err
    failed, begun = run("train@a", keep_going=False, jobs=1)
    assert failed == ["train@a"]
    assert "evaluate" not in begun


def test_what_is_left_is_told() -> None:
    """After each stage the board hears how many are left, down to none."""
    board = Silent()
    with ThreadPoolExecutor(1) as executor:
        parallel.run_all(DIAMOND, executor, lambda *_: 0.0, board, ROOM, keep_going=False)
    assert [left for _, left, _ in board.lines] == [3, 2, 1, 0]
    assert all(ended_well for _, _, ended_well in board.lines)


def test_stages_share_what_there_is_of_a_machine() -> None:
    """Of two GPUs each goes to one stage at a time: never more run at once, and all do run."""
    needs = {name: {"gpu": 1} for name in "abcde"}
    held: list[str] = []
    most: list[int] = []

    def work(_: str, gpus: Sequence[str]) -> float:
        held.extend(gpus)
        most.append(len(held))
        assert len(gpus) == 1
        assert len(held) == len(set(held))
        time.sleep(0.02)
        held.remove(gpus[0])
        return 0.0

    board = Silent()
    with ThreadPoolExecutor(5) as executor:
        room = Room(needs, ["0", "1"], 4.0, 9)
        failed = parallel.run_all(dict.fromkeys(needs, frozenset()), executor, work, board, room, keep_going=False)
    assert failed == []
    assert len(board.lines) == 5
    assert max(most) == 2


def test_what_needs_nothing_passes_what_waits() -> None:
    """While one stage holds the only GPU and another waits for it, a third runs."""
    meeting = threading.Barrier(2, timeout=20)
    order: list[str] = []

    def work(stage: str, _: Sequence[str]) -> float:
        if stage != "waits":
            meeting.wait()
        order.append(stage)
        return 0.0

    waiting = dict.fromkeys(("holds", "waits", "free"), frozenset[str]())
    room = Room({"holds": {"gpu": 1}, "waits": {"gpu": 1}}, ["0"], 1.0, 3)
    with ThreadPoolExecutor(3) as executor:
        parallel.run_all(waiting, executor, work, Silent(), room, keep_going=False)
    assert order[2] == "waits"


@pytest.mark.parametrize("cores", [1, 2, 7, 8])
@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_jobs_share_the_cores(monkeypatch: pytest.MonkeyPatch, cores: int, jobs: int) -> None:
    """Each job has an equal part of the cores, one at least, and where there are enough no two have the same."""
    monkeypatch.setattr(worker_pool.sys, "platform", "linux")
    monkeypatch.setattr(worker_pool.os, "sched_getaffinity", lambda _: set(range(cores)))
    shares = [worker_pool.share(number, jobs) for number in range(jobs)]
    assert {len(share) for share in shares} == {max(1, cores // jobs)}
    if cores >= jobs:
        assert len({core for share in shares for core in share}) == jobs * (cores // jobs)


def test_no_jobs_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A number of jobs that makes no sense is told with what is allowed."""
    with pytest.raises(SystemExit):
        parallel._arguments().parse_args(["--jobs", "0"])
    assert "found '0', allowed 1 or more" in capsys.readouterr().err
