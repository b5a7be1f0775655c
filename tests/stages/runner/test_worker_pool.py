"""Processes that run stages end with the process that started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from locations import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="process groups as Linux has them")

PARENT = """
import os, signal, subprocess, sys, time
from stages.runner.worker_pool import process_pool

def work():
    below = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
    print(os.getpid(), below.pid, flush=True)
    below.wait()

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests may be started with it ignored
    with process_pool(1) as executor:
        executor.submit(work).result()
"""


def is_alive(number: int) -> bool:
    """Return whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_workers_end_with_their_parent(tmp_path: Path, number: signal.Signals, status: int) -> None:
    """However the parent is ended, within seconds neither a worker nor what it runs is alive."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, str(script)],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    running = [int(word) for word in parent.stdout.readline().split()]
    assert len(running) == 2
    assert all(map(is_alive, running))
    parent.send_signal(number)
    assert parent.wait(timeout=30) == status
    until = time.monotonic() + 20
    while any(map(is_alive, running)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(is_alive, running))
    parent.communicate()
