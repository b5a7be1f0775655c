"""A stage that DVC or `stages.parallel` has started ends with it, so that no stage runs twice at once in one folder."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from locations import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
VARIABLES = ("DVC_STAGE", "PRIVPRUNE_END_WITH_PARENT")
STAGE = "import os, stages, time; print(os.getpid(), flush=True); time.sleep(120)"
LEADER = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {STAGE!r}])"


def lives(process: int) -> bool:
    """Whether a process runs; one that has ended may wait for its parent to notice."""
    try:
        return (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("variable", [*VARIABLES, None])
def test_a_stage_ends_with_what_started_it(variable: str | None) -> None:
    """A leader that is killed alone leaves no stage behind; a stage that was started by hand goes on."""
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environment |= {variable: "train@base"} if variable else {}
    leader = subprocess.Popen(  # noqa: S603 (our own Python)
        [sys.executable, "-c", LEADER], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert leader.stdout is not None
    stage = int(leader.stdout.readline())
    leader.kill()
    leader.wait()
    leader.stdout.close()
    until = time.monotonic() + (20 if variable else 0.5)
    while lives(stage) and time.monotonic() < until:
        time.sleep(0.01)
    assert lives(stage) is (variable is None)
    if variable is None:
        os.kill(stage, signal.SIGKILL)
