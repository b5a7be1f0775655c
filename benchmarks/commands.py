"""Run a command in a child process, and measure its time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_SAMPLED_EVERY = 0.05  # seconds
# On Linux the peak memory of a child includes that of this process, which has imported PyTorch, when it forks. So a
# small process in between starts the command, and reads its peak with getrusage.
_LAUNCHER = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[2:]).returncode
with open(sys.argv[1], "w") as peak:
    peak.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status if status >= 0 else 128 - status)
"""


@dataclass(frozen=True)
class Finished:
    """The result of a command that has ended.

    Attributes:
        status: exit status, 0 for success.
        seconds: from start to end.
        largest_process: largest peak resident memory of the command and its child processes, MiB (getrusage).
        whole_tree: peak of the memory of all these processes together, shared pages counted once, MiB (sampled); 0
            where it was not sampled.
        output: what the command printed.

    """

    status: int
    seconds: float
    largest_process: float
    whole_tree: float
    output: str

    @property
    def peak(self) -> float:
        """Return the peak memory, MiB."""
        return max(self.largest_process, self.whole_tree)


def run(
    command: Sequence[str], folder: Path, *, sampled: bool = False, variables: Mapping[str, str] | None = None
) -> Finished:
    """Run a command in a folder, with this interpreter's `python` first on the path.

    Args:
        command: program and arguments.
        folder: its working directory.
        sampled: whether to sample the memory of all its processes while it runs.
        variables: environment variables, in addition to those of this process.

    """
    with tempfile.TemporaryFile("w+") as output, tempfile.NamedTemporaryFile("r") as peak:
        launcher = [sys.executable, "-S", "-c", _LAUNCHER, peak.name, *command]
        given = {**environment(), **(variables or {})}
        began = time.perf_counter()
        child = subprocess.Popen(launcher, cwd=folder, stdout=output, stderr=output, env=given)  # noqa: S603
        tree = 0.0
        try:
            while sampled and child.poll() is None:
                tree = max(tree, sum(_shared_out(number) for number in _tree(child.pid) if number != child.pid))
                time.sleep(_SAMPLED_EVERY)
            child.wait()
        except BaseException:
            child.kill()
            raise
        seconds = time.perf_counter() - began
        output.seek(0)
        return Finished(child.returncode, seconds, int(peak.read() or 0) / 1024, tree / 1024, output.read())


def environment() -> Mapping[str, str]:
    """Return environment variables with which `python` and `dvc` are those of this interpreter's environment."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def last_line(printed: str) -> str:
    """Return the last line that is not empty."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"


def _tree(number: int) -> Iterator[int]:
    """Yield a process and all its descendants."""
    yield number
    with suppress(OSError, ValueError):
        for task in Path(f"/proc/{number}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))


def _shared_out(number: int) -> float:
    """Return the memory of a process in KiB, each shared page divided by the number of processes that share it."""
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{number}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return float(line.split()[1])
    return 0.0
