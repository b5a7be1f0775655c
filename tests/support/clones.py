"""Clones of the repository with a suite of their own, in which the workflow runs as it does for a user."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
_LEFT_OUT = ("tests", "reports", "docs")  # of the tracked files; no stage reads them
_TEMPORARY = ("timings", "index.html")  # the page shows how long stages took
_LOOPBACK = (
    "--host",
    "127.0.0.1",
    "--dashboard-address",
    "127.0.0.1:0",
)  # the second is for HTTP, not only a dashboard

# DVC whose stages are forked from a process that has imported torch once, as those of `stages.parallel` are
FORKED = """
import sys
from dvc.cli import main
from stages.runner import prefork
prefork.install()
sys.exit(main(sys.argv[1:]))
"""


class Clone:
    """A folder with the tracked files, a suite and a repository of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def fresh(cls, folder: Path, suite: Path) -> Clone:
        """Make a clone without any output, whose `params.yaml` is a copy of a suite."""
        git = shutil.which("git") or "git"
        listed = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S603 (git itself)
        for name in listed.splitlines():
            if name.split("/")[0] not in _LEFT_OUT and (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, folder / name)
        (folder / "dvc.lock").unlink(missing_ok=True)
        shutil.copyfile(suite, folder / "params.yaml")
        subprocess.run([git, "init", "-q"], cwd=folder, check=True)  # noqa: S603 (git itself)
        return cls(folder)

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of what runs in the clone: this Python first, and nothing shared with other clones.

        What Python compiles stays beside the sources, whatever the environment says of it.
        """
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        found = {**os.environ, "PATH": path, "DVC_SITE_CACHE_DIR": str(self.folder / ".dvc" / "site")}
        found |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": "", **more}
        found.pop("MLFLOW_TRACKING_URI", None)
        return found

    def start(
        self,
        *command: str,
        prepare: Callable[[], None] | None = None,
        python: Sequence[str] = (sys.executable,),
        log: Path | None = None,
        **more: str,
    ) -> subprocess.Popen[str]:
        """Start Python in the clone, in a new process group.

        Args:
            command: arguments of Python.
            prepare: what the new process calls before it becomes Python: its limits, for instance.
            python: the interpreter, behind a command that starts it, if one does.
            log: the file for what it prints; None where the caller reads that.
            more: variables of the environment.

        """
        with contextlib.ExitStack() as opened:
            printed = subprocess.PIPE if log is None else opened.enter_context(log.open("a"))
            return subprocess.Popen(  # noqa: S603 (our own Python)
                [*python, *command],
                cwd=self.folder,
                env=self.environment(more),
                stdout=printed,
                stderr=subprocess.STDOUT,
                text=True,
                errors="backslashreplace",
                start_new_session=True,
                preexec_fn=prepare,  # noqa: PLW1509 (nothing here has threads)
            )

    def repro(self, *targets: str, status: int = 0, forked: bool = True) -> tuple[list[str], str]:
        """Run `dvc repro` with forked or new processes; returns the stages that were run, and the output."""
        process = self.start(*(("-c", FORKED) if forked else ("-m", "dvc")), "repro", *targets)
        output, _ = process.communicate()
        assert process.returncode == status, output
        return re.findall(r"Running stage '(\S+)'", output), output

    def change(self, old: str, new: str) -> None:
        """Change one value of the suite."""
        path = self.folder / "params.yaml"
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))

    def copy(self, folder: Path) -> Clone:
        """Copy the clone, including all outputs."""
        shutil.copytree(self.folder, folder, symlinks=True, ignore=shutil.ignore_patterns("site"))
        return Clone(folder)

    def contents(self, *below: str) -> dict[str, str]:
        """Return path -> checksum of all files that must not depend on time or folder."""
        files = [path for part in below for path in (self.folder / part).rglob("*") if path.is_file()]
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
            if not {*path.relative_to(self.folder).parts} & {*_TEMPORARY}
        }


class Machines:
    """A scheduler and workers, each in a clone of its own, with the cache of the head."""

    def __init__(self, head: Clone, folder: Path) -> None:
        self.head, self._folder = head, folder
        self._scheduler = head.start("-m", "distributed.cli.dask_scheduler", "--port", "0", *_LOOPBACK)
        assert self._scheduler.stdout is not None
        told = iter(self._scheduler.stdout.readline, "")
        self.address = next(found[1] for line in told if (found := re.search(r"Scheduler at:\s+(tcp://\S+)", line)))
        self.clones: list[Clone] = []
        self.workers: list[subprocess.Popen[str]] = []

    def add(self) -> Clone:
        """Start a worker in a fresh clone without outputs, with the suite and the cache of the head."""
        made = [self.head.folder / name for name in ("data", "mlflow.db", "reports")]
        place = self._folder / f"worker{len(self.workers)}"
        left_out = [self.head.folder / ".dvc" / "cache", *made]
        shutil.copytree(self.head.folder, place, ignore=lambda folder, names: ignored(folder, names, left_out))
        clone = Clone(place)
        cache = str(self.head.folder / ".dvc" / "cache")
        clone.start("-m", "dvc", "cache", "dir", "--local", cache).communicate()
        self.clones.append(clone)
        self.workers.append(self._worker(len(self.workers)))
        return clone

    def restart(self, number: int) -> None:
        """Start a worker again, in the clone of one that has ended."""
        self.workers[number].communicate()
        self.workers[number] = self._worker(number)

    def _worker(self, number: int) -> subprocess.Popen[str]:
        options = ("--nthreads", "1", "--no-nanny", "--death-timeout", "60", *_LOOPBACK)
        often = {"PRIVPRUNE_CHECKPOINT_SECONDS": "0"}  # a checkpoint says that a stage is training
        command, log = ("-m", "distributed.cli.dask_worker", self.address, *options), self._folder / f"{number}.log"
        return self.clones[number].start(*command, log=log, **often)

    @property
    def processes(self) -> list[subprocess.Popen[str]]:
        """All processes, the scheduler's last."""
        return [*self.workers, self._scheduler]

    def end(self) -> None:
        """End all processes that still run."""
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def ignored(folder: str, names: Collection[str], gone: Collection[Path]) -> list[str]:
    """Return the names in a folder that are among the paths to leave out."""
    return [name for name in names if Path(folder) / name in gone]
