"""Where faults are tried: fresh clones of the suite `faults`, how to run it, and what an undisturbed run makes."""

from __future__ import annotations

import random
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from stages.harness.kept_lock import restore_lock
from tests.support.clones import FORKED, ROOT, Clone

SUITE = ROOT / "tests" / "suites" / "faults.yaml"
RESULTS = ("data", "reports")
TEMPORARY, WHOLE = "the temporary folder", "the whole clone"
# What a run says of files that `kill -9` has cut off -> what docs/troubleshooting.md says to do
_REPAIRS: dict[str, Callable[[Path], object]] = {
    "Unable to read RWLock-file": lambda clone: (clone / ".dvc" / "tmp" / "rwlock").unlink(),
    "'./dvc.lock' ": restore_lock,  # validation failed, or is invalid
    "error: dvc.lock: found a file that is cut off": restore_lock,
}
_LONGEST = 200  # characters of what a run said; its end says why
_TRACEBACK = "Traceback (most recent call last)"


class Running(Protocol):
    """A run under way, as `subprocess.Popen` has it; it leads a process group of its own."""

    pid: int
    returncode: int | None

    def communicate(self, *, timeout: float | None = None) -> tuple[str, None]:
        """Wait for the end, and return what was printed; raises `subprocess.TimeoutExpired`."""


@dataclass(frozen=True)
class Around:
    """What surrounds a run.

    Attributes:
        environment: variables that are different.
        prepare: what the process calls before it becomes Python.
        python: the interpreter, behind a command that starts it, if one does.

    """

    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] | None = None
    python: tuple[str, ...] = (sys.executable,)


UNDISTURBED = Around()


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit status and what it printed."""

    status: int
    output: str

    @property
    def line(self) -> str:
        """The line that says why, or an empty text."""
        lines = self.output.splitlines()
        found = [line for start in ("error: ", "ERROR: ") for line in lines if line.startswith(start)]
        return found[0] if found else ""

    @property
    def has_traceback(self) -> bool:
        """Whether a program ended with a traceback."""
        return _TRACEBACK in self.output


@dataclass(frozen=True)
class Outcome:
    """What came of one fault.

    Attributes:
        fault: its kind.
        done: what was done.
        expected: what must come.
        found: what came.
        passed: whether that is what must come; None where it could not be tried.

    """

    fault: str
    done: str
    expected: str
    found: str
    passed: bool | None


class Bench:
    """Runs the suite with DVC, as a user does.

    Attributes:
        kills: how many of each kind.
        places: where a disk is full.
        sizes: the parts of the space that a run needs which a full disk leaves free.
        addresses: limits of the address space, in GB; torch alone takes about 3.
        random: draws the moments of kills.
        repaired: how often a file of DVC had to be repaired, as docs/troubleshooting.md says.
        seconds: how long an undisturbed run takes.
        expected: what it makes, path -> checksum.

    """

    places: tuple[str, ...] = ("data", "reports", ".dvc/cache", TEMPORARY, WHOLE)
    sizes: tuple[float, ...] = (0.0, 0.3, 0.7)
    addresses: tuple[float, ...] = (0.5, 1.0, 2.0, 2.8, 3.0, 3.2, 3.4, 4.0)

    def __init__(self, folder: Path, *, kills: int, seed: int) -> None:
        self.folder, self.kills, self.random = folder, kills, random.Random(seed)
        self._made = self.repaired = 0
        # A write that a fault cuts short leaves half a compiled module, which breaks every later Python that reads it.
        # So the undisturbed run alone writes them, to a folder of the bench.
        self._compiled = {"PYTHONPYCACHEPREFIX": str(folder / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
        self.template = self.make_template()
        self.reference = self.fresh()
        began = time.monotonic()
        ended = self.run(self.reference)
        self.seconds = time.monotonic() - began
        self._compiled["PYTHONDONTWRITEBYTECODE"] = "1"
        assert ended.status == 0, ended.output
        self.expected = self.reference.contents(*RESULTS)

    def make_template(self) -> Clone:
        """Make the clone of which all others are copies."""
        return Clone.fresh(self.folder / "template", SUITE)

    def fresh(self, below: str = "") -> Clone:
        """Return a clone without outputs, in a new folder, where wanted in a folder of a given name below that."""
        self._made += 1
        return self.template.copy(self.folder / str(self._made) / below / "privprune")

    def remove(self, clone: Clone) -> None:
        """Remove a clone that `fresh` made."""
        shutil.rmtree(self.folder / clone.folder.relative_to(self.folder).parts[0])

    def start(self, clone: Clone, around: Around = UNDISTURBED) -> Running:
        """Start a run."""
        return self.started(clone, around, "-m", "dvc", "repro")

    def finish(self, clone: Clone, around: Around = UNDISTURBED) -> Ended:
        """Run what is left, in the same way but with stages that are forked, which is faster."""
        return self.again(clone, _ended(self.started(clone, around, "-c", FORKED, "repro")), around)

    def run(self, clone: Clone, around: Around = UNDISTURBED) -> Ended:
        """Run to the end."""
        return _ended(self.start(clone, around))

    def again(self, clone: Clone, ended: Ended, around: Around = UNDISTURBED) -> Ended:
        """Do what docs/troubleshooting.md says where a kill has cut off a file of DVC, and run again."""
        said = [sign for sign in _REPAIRS if ended.status and sign in ended.output]
        if not said:
            return ended
        _REPAIRS[said[0]](clone.folder)
        self.repaired += 1
        return self.run(clone, around)

    def started(self, clone: Clone, around: Around, *command: str) -> Running:
        """Start Python with some arguments."""
        return clone.start(
            *command, prepare=around.prepare, python=around.python, **(dict(around.environment) | self._compiled)
        )

    def difference(self, clone: Clone) -> str:
        """Say in which files the results of a clone differ from those of an undisturbed run; nothing where in none."""
        found = clone.contents(*RESULTS)
        paths = sorted({*found, *self.expected})
        different = [path for path in paths if found.get(path) != self.expected.get(path)]
        return f"{len(different)} of {len(paths)} files differ: {different[0]}" if different else ""

    def judged(self, fault: str, done: str, clone: Clone, ended: Ended, again: Ended | None = None) -> Outcome:
        """Judge a run under a fault: it ran through, or said why not in one line; and what is left leads to the same.

        Args:
            fault: its kind.
            done: what was done.
            clone: the one in which the run ended.
            ended: how.
            again: how the next run ended, without the fault, if it was there already.

        """
        expected = "same bytes, or one line and then the same bytes"
        said = "ran through" if ended.status == 0 else self.told(ended, clone)
        if ended.has_traceback or (ended.status != 0 and not ended.line):
            return Outcome(fault, done, expected, f"{said}; no clear line", passed=False)
        again = ended if ended.status == 0 else again or self.finish(clone)
        if again.status != 0:
            return Outcome(fault, done, expected, f"{said}; then again {self.told(again, clone)}", passed=False)
        different = self.difference(clone)
        return Outcome(fault, done, expected, f"{said}; {different or 'same bytes'}", passed=not different)

    def told(self, ended: Ended, clone: Clone) -> str:
        """Return what a run said of its failure, without the folder in which it was."""
        lines = ended.output.strip().splitlines() or [""]
        said = ended.line or lines[-1]
        for folder in (clone.folder, clone.folder.resolve(), self.folder):
            said = said.replace(f"{folder}/", "")
        said = re.sub(r"\b[0-9a-f]{64}\b", "<digest>", re.sub("[`|]", "/", said))
        return f"status {ended.status}, `{said if len(said) <= _LONGEST else f'{said[:60]}...{said[63 - _LONGEST :]}'}`"


def _ended(process: Running) -> Ended:
    output, _ = process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, output)
