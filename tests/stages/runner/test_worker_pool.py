"""Processes that run stages end with who asked for them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from locations import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="process groups as Linux has them")

ASKING = """
import os, signal, subprocess, sys, time
from stages.runner.worker_pool import pool

def work():
    below = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
    print(os.getpid(), below.pid, flush=True)
    below.wait()

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # some who start tests have it ignored
    with pool(1) as executor:
        executor.submit(work).result()
"""


def lives(number: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_what_runs_ends_with_who_asked(tmp_path: Path, number: signal.Signals, status: int) -> None:
    """However the process that asks is ended, within seconds neither a worker nor what it runs is left."""
    script = tmp_path / "asking.py"
    script.write_text(ASKING)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    asking = subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, str(script)],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert asking.stdout is not None
    running = [int(word) for word in asking.stdout.readline().split()]
    assert len(running) == 2
    assert all(map(lives, running))
    asking.send_signal(number)
    assert asking.wait(timeout=30) == status
    until = time.monotonic() + 20
    while any(map(lives, running)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(lives, running))
    asking.communicate()
