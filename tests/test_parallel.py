"""Stages side by side: order, failures, estimates and the command line, with threads instead of DVC."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from privprune.files import write_json
from stages import graph, parallel

DIAMOND = {
    "check": frozenset[str](),
    "train@a": frozenset({"check"}),
    "train@b": frozenset({"check"}),
    "evaluate": frozenset({"train@a", "train@b"}),
}


class Silent:
    """A board that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, int, bool]] = []

    def told(self, stage: str, seconds: float, left: Sequence[str], *, ended_well: bool) -> None:
        assert seconds >= 0
        self.lines.append((stage, len(left), ended_well))


def run(fails: str, *, keep_going: bool, jobs: int = 2) -> tuple[list[str], list[str]]:
    """Run the diamond with one stage that fails; returns what failed and what was begun."""
    begun: list[str] = []

    def work(stage: str) -> float:
        begun.append(stage)
        if stage == fails:
            raise RuntimeError("exited with 1")
        time.sleep(0.02 if stage.endswith("@b") else 0)
        return 0.1

    with ThreadPoolExecutor(jobs) as pool:
        failed = parallel.run_all(DIAMOND, pool, work, Silent(), keep_going=keep_going)
    return failed, begun


def test_nothing_runs_before_what_it_needs() -> None:
    """A stage begins when all that it waits for has ended, and each runs once."""
    failed, begun = run("", keep_going=False)
    assert failed == []
    assert begun[0] == "check"
    assert sorted(begun[1:3]) == ["train@a", "train@b"]
    assert begun[3:] == ["evaluate"]


def test_two_run_at_once() -> None:
    """Stages that do not need one another run at the same time: each waits here for the other."""
    meeting = threading.Barrier(2, timeout=20)

    def work(_: str) -> float:
        meeting.wait()
        return 0.0

    with ThreadPoolExecutor(2) as pool:
        assert parallel.run_all({"a": frozenset(), "b": frozenset()}, pool, work, Silent(), keep_going=False) == []


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
    with ThreadPoolExecutor(1) as pool:
        parallel.run_all(DIAMOND, pool, lambda _: 0.0, board, keep_going=False)
    assert [left for _, left, _ in board.lines] == [3, 2, 1, 0]
    assert all(ended_well for _, _, ended_well in board.lines)


def test_the_plan_tells_what_runs_and_its_earlier_times(tmp_path: Path) -> None:
    """Times come from the files beside the records; stages without are counted, and all is divided by the jobs."""
    write_json(tmp_path / "demo" / "timings" / "paper" / "train" / "a.json", {"seconds": 30.0})
    before = graph.seconds_before(list(DIAMOND), "demo", tmp_path)
    assert before == {"train@a": 30.0}
    found = graph.Plan(DIAMOND, frozenset({"train@a"}), frozenset({"evaluate"}), {})
    assert found.waiting == {"train@a": frozenset(), "evaluate": frozenset({"train@a"})}
    lines = parallel.described(found, before, 2)
    assert lines[0].split() == ["train@a", "runs", "30", "s"]
    assert "if its inputs change" in lines[1]
    assert "no earlier time" in lines[1]
    assert lines[2].startswith("2 of 4 stages; 30 s of earlier times, about 15 s with 2 at once; 1 without")


@pytest.mark.parametrize("cores", [1, 2, 7, 8])
@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_jobs_share_the_cores(monkeypatch: pytest.MonkeyPatch, cores: int, jobs: int) -> None:
    """Each job has an equal part of the cores, one at least, and where there are enough no two have the same."""
    monkeypatch.setattr(parallel.sys, "platform", "linux")
    monkeypatch.setattr(parallel.os, "sched_getaffinity", lambda _: set(range(cores)))
    shares = [parallel._share(number, jobs) for number in range(jobs)]
    assert {len(share) for share in shares} == {max(1, cores // jobs)}
    if cores >= jobs:
        assert len({core for share in shares for core in share}) == jobs * (cores // jobs)


def test_no_jobs_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A number of jobs that makes no sense is told with what is allowed."""
    with pytest.raises(SystemExit):
        parallel._arguments().parse_args(["--jobs", "0"])
    assert "found '0', allowed 1 or more" in capsys.readouterr().err
