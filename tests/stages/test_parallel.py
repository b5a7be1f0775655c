"""Stages side by side: order, failures, progress and the command line, with threads instead of DVC."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest

from privprune.errors import UserError
from stages import parallel
from stages.runner import worker_pool
from stages.runner.resources import FreeResources

DIAMOND = {
    "check": frozenset[str](),
    "train@a": frozenset({"check"}),
    "train@b": frozenset({"check"}),
    "evaluate": frozenset({"train@a", "train@b"}),
}
EARLIER = {"check": 1.0, "train@a": 2.0, "train@b": 20.0}
FREE = FreeResources({}, [], 0.0, 9)  # no stage here needs any


class RecordingDisplay:
    """Records the stages that end."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, int, bool]] = []

    def stage_ended(self, stage: str, seconds: float, remaining: Sequence[str], *, succeeded: bool) -> None:
        assert seconds >= 0
        self.lines.append((stage, len(remaining), succeeded))


def run_stages(
    stages: Mapping[str, frozenset[str]],
    executor: Executor,
    work: Callable[[str, Sequence[str]], float],
    display: parallel.Display | None = None,
    free: FreeResources = FREE,
    *,
    keep_going: bool = False,
) -> list[str]:
    """Run stages with the earlier times of the diamond; returns those that failed."""
    display = display or RecordingDisplay()
    return parallel.run_all(stages, executor, work, display, free, earlier=EARLIER, keep_going=keep_going)


def run(fails: str, *, keep_going: bool, jobs: int = 2) -> tuple[list[str], list[str]]:
    """Run the diamond with one stage that fails; returns the stages that failed and those that began."""
    begun: list[str] = []

    def work(stage: str, _: Sequence[str]) -> float:
        begun.append(stage)
        if stage == fails:
            raise RuntimeError("exited with 1")
        time.sleep(0.02 if stage.endswith("@b") else 0)
        return 0.1

    with ThreadPoolExecutor(jobs) as executor:
        failed = run_stages(DIAMOND, executor, work, keep_going=keep_going)
    return failed, begun


def test_no_stage_runs_before_its_dependencies() -> None:
    """A stage begins when all its dependencies have ended, and each runs once."""
    failed, begun = run("", keep_going=False)
    assert failed == []
    assert begun[0] == "check"
    assert sorted(begun[1:3]) == ["train@a", "train@b"]
    assert begun[3:] == ["evaluate"]


def test_the_longest_critical_path_goes_first() -> None:
    """Of two ready stages the one begins whose critical path, with all that depends on it, is longer."""
    assert run("", keep_going=False, jobs=1)[1] == ["check", "train@b", "train@a", "evaluate"]
    paths = parallel.critical_paths(DIAMOND, {"check": 1.0, "train@a": 2.0, "train@b": 20.0, "evaluate": 5.0})
    assert paths == {"evaluate": 5.0, "train@a": 7.0, "train@b": 25.0, "check": 26.0}


def test_two_run_at_once() -> None:
    """Stages that do not depend on each other run at the same time: here each waits for the other."""
    meeting = threading.Barrier(2, timeout=20)

    def work(*_: object) -> float:
        meeting.wait()
        return 0.0

    both = {"a": frozenset[str](), "b": frozenset[str]()}
    with ThreadPoolExecutor(2) as executor:
        assert run_stages(both, executor, work) == []


def test_a_failure_stops_what_depends_on_it_and_with_keep_going_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A stage that depends on a failed one never begins; without --keep-going no other stage does."""
    failed, begun = run("train@a", keep_going=True)
    assert failed == ["train@a"]
    assert sorted(begun) == ["check", "train@a", "train@b"]
    assert "error: train@a: exited with 1" in capsys.readouterr().err
    failed, begun = run("train@a", keep_going=False, jobs=1)
    assert failed == ["train@a"]
    assert "evaluate" not in begun


def test_the_display_shows_what_remains() -> None:
    """After each stage the display is called with those that remain, down to none."""
    display = RecordingDisplay()
    with ThreadPoolExecutor(1) as executor:
        run_stages(DIAMOND, executor, lambda *_: 0.0, display)
    assert [remaining for _, remaining, _ in display.lines] == [3, 2, 1, 0]
    assert all(succeeded for _, _, succeeded in display.lines)


def test_stages_share_the_gpus() -> None:
    """Of two GPUs each goes to one stage at a time: never more run at once, and all do run."""
    requirements = {name: {"gpu": 1} for name in "abcde"}
    busy: list[str] = []
    most: list[int] = []

    def work(_: str, gpus: Sequence[str]) -> float:
        busy.extend(gpus)
        most.append(len(busy))
        assert len(gpus) == 1
        assert len(busy) == len(set(busy))
        time.sleep(0.02)
        busy.remove(gpus[0])
        return 0.0

    display = RecordingDisplay()
    with ThreadPoolExecutor(5) as executor:
        free = FreeResources(requirements, ["0", "1"], 4.0, 9)
        failed = run_stages(dict.fromkeys(requirements, frozenset()), executor, work, display, free)
    assert failed == []
    assert len(display.lines) == 5
    assert max(most) == 2


def test_a_stage_without_requirements_overtakes() -> None:
    """While one stage has the only GPU and another waits for it, a third runs."""
    meeting = threading.Barrier(2, timeout=20)
    order: list[str] = []

    def work(stage: str, _: Sequence[str]) -> float:
        if stage != "second":
            meeting.wait()
        order.append(stage)
        return 0.0

    stages = dict.fromkeys(("first", "second", "third"), frozenset[str]())
    free = FreeResources({"first": {"gpu": 1}, "second": {"gpu": 1}}, ["0"], 1.0, 3)
    with ThreadPoolExecutor(3) as executor:
        run_stages(stages, executor, work, free=free)
    assert order[2] == "second"


@pytest.mark.parametrize("cores", [1, 2, 7, 8])
@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_jobs_get_equal_parts_of_the_cores(monkeypatch: pytest.MonkeyPatch, cores: int, jobs: int) -> None:
    """Each job has an equal part of the cores, at least one; where there are enough, no two jobs share a core."""
    monkeypatch.setattr(worker_pool.sys, "platform", "linux")
    monkeypatch.setattr(worker_pool.os, "sched_getaffinity", lambda _: set(range(cores)))
    affinities = [worker_pool.cpu_affinity(number, jobs) for number in range(jobs)]
    assert {len(part) for part in affinities} == {max(1, cores // jobs)}
    if cores >= jobs:
        assert len({core for part in affinities for core in part}) == jobs * (cores // jobs)


def test_zero_jobs_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The message says which numbers are allowed."""
    with pytest.raises(SystemExit):
        parallel._parser().parse_args(["--jobs", "0"])
    assert "found '0', allowed 1 or more" in capsys.readouterr().err


def test_a_suite_that_is_no_yaml_is_refused_before_dvc_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DVC would end in words of its own, or never; the line names line and column."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(parallel, "_dvc_repro", lambda *_, **__: pytest.fail("DVC was asked"))
    Path("params.yaml").write_text("suite: 2024-13-45\n")
    with pytest.raises(UserError, match=r"^params\.yaml: not readable as YAML, .* in line 1, column 8$"):
        parallel._run(parallel._parser().parse_args([]))
