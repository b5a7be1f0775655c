"""Laws of the progress lines."""

from __future__ import annotations

import multiprocessing
import os
import re
import subprocess
import sys
import threading

import pytest

from privprune.progress.reporter import Progress, heard_by


def test_elsewhere_than_on_a_terminal_an_epoch_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Epoch, measurements, throughput of the last epoch, time left at the mean pace."""
    moments = iter([0.0, 2.0, 2.0, 3.0, 3.0])
    reporter = Progress("digits-baseline", 40, 24_600, clock=lambda: next(moments))
    reporter.epoch(0, {"loss": 2.3, "accuracy": 0.5})
    reporter.epoch(1, {"loss": 0.1234, "accuracy": 0.9712})
    reporter.close()
    assert capsys.readouterr().err.splitlines() == [
        "digits-baseline 1/40 loss 2.30 accuracy 50.0 % 12,300 images/s 1:18 left",
        "digits-baseline 2/40 loss 0.123 accuracy 97.1 % 24,600 images/s 0:57 left",
    ]


def test_a_resumed_training_counts_its_own_pace_only(capsys: pytest.CaptureFixture[str]) -> None:
    """Epochs done before the interruption take no time here."""
    moments = iter([0.0, 60.0, 60.0, 120.0, 120.0])
    reporter = Progress("cell", 100, 0, clock=lambda: next(moments))
    reporter.epoch(37, {"learning_rate": 1e-5})
    reporter.epoch(38, {"learning_rate": float("nan")})
    assert capsys.readouterr().err.splitlines() == [
        "cell 38/100 learning rate 1.00e-05 1:02:00 left",
        "cell 39/100 learning rate nan 1:01:00 left",
    ]


def test_lines_of_several_threads_stay_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Eight threads with 100 epochs each leave 800 lines, each of the expected form."""

    def work(label: str) -> None:
        with Progress(label, 100, 10) as reporter:
            for epoch in range(100):
                reporter.epoch(epoch, {"loss": 1.0})

    threads = [threading.Thread(target=work, args=(f"group-{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = capsys.readouterr().err.splitlines()
    form = re.compile(r"group-\d \d+/100 loss 1\.00 ([\d,]+ images/s )?0:00 left")
    assert len(lines) == 800
    assert all(form.fullmatch(line) for line in lines)


def test_a_listener_hears_every_epoch() -> None:
    """Name, epoch, total and measurements arrive as they were, and only those of its block."""
    heard: list[object] = []
    reporter = Progress("targets", 3, 10)
    with heard_by(lambda *told: heard.append(told)):
        reporter.epoch(1, {"loss": 0.5})
    reporter.epoch(2, {"loss": 0.25})
    assert heard == [("targets", 1, 3, {"loss": [0.5]})]


def train_in_a_worker(group: int) -> None:
    """Report 50 epochs."""
    with Progress(f"group-{group}", 50, 10) as reporter:
        for epoch in range(50):
            reporter.epoch(epoch, {"loss": float(group), "nothing": float("nan")})


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")
def test_a_listener_hears_forked_workers() -> None:
    """When the block ends, every epoch of every worker has arrived, those of one worker in their order."""
    heard: list[tuple[str, int]] = []
    with heard_by(lambda name, epoch, *_: heard.append((name, epoch))):
        for _ in range(2):
            workers = [
                multiprocessing.get_context("fork").Process(target=train_in_a_worker, args=(n,)) for n in range(3)
            ]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
                assert worker.exitcode == 0
    for group in range(3):
        assert [epoch for name, epoch in heard if name == f"group-{group}"] == [*range(50), *range(50)]


def test_the_time_of_a_listener_is_not_the_networks(capsys: pytest.CaptureFixture[str]) -> None:
    """Throughput counts from the end of listening."""
    moments = iter([0.0, 1.0, 5.0, 6.0, 7.0])
    reporter = Progress("cell", 2, 100, clock=lambda: next(moments))
    reporter.epoch(0, {})
    reporter.epoch(1, {})
    assert [line.split()[2:4] for line in capsys.readouterr().err.splitlines()] == [["100", "images/s"]] * 2


def test_a_full_disk_does_not_end_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written is not written, and no error leaves the reporter."""

    class Full:
        def isatty(self) -> bool:
            return False

        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Full())
    Progress("cell", 1, 1).epoch(0, {})


ON_TERMINAL = """
import multiprocessing, threading
from privprune.progress.reporter import Progress

def work(label):
    with Progress(label, 2, 100) as reporter:
        for epoch in range(2):
            reporter.epoch(epoch, {"loss": 0.25})

START = multiprocessing.get_context("fork").Process if FORKED else threading.Thread
parts = [START(target=work, args=(f"group-{number}",)) for number in range(3)]
for part in parts: part.start()
for part in parts: part.join()
Progress("failing", 2, 100).epoch(0, {"loss": 0.25})
raise SystemExit(3)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal that a test can make")
@pytest.mark.parametrize(
    "forked", [False, pytest.param(True, marks=pytest.mark.skipif(sys.platform != "linux", reason="not forked"))]
)
def test_on_a_terminal_bars_move_and_last_lines_stay(forked: bool) -> None:
    """Groups in threads or workers end with their last line once, and a stage that fails gives the cursor back."""
    leader, follower = os.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    program = f"FORKED = {forked}\n{ON_TERMINAL}"
    stage = subprocess.Popen([sys.executable, "-c", program], stderr=follower, env=environment)  # noqa: S603  (our own)
    os.close(follower)
    shown = b""
    try:
        while chunk := os.read(leader, 65536):
            shown += chunk
    except OSError:  # how Linux tells that the other side has closed
        pass
    os.close(leader)
    assert stage.wait() == 3
    text = shown.decode()
    for number in range(3):
        assert len(re.findall(rf"group-{number} 2/2 loss 0\.250 .*0:00 left\r\n", text)) == 1
    assert "━" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l"), "the cursor is shown again"
