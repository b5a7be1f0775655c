"""What a long stage has done so far, kept on disk until it has ended: after a kill it goes on, and not from its start.

Two things are kept: what finished parts of the work gave (a network, an attack on a target), and, of a part that is
under way, the state of its loop after one of its turns (an epoch). A stage shorter than the interval writes nothing.

Only the same work goes on: same settings, code, data, inputs, versions and device, all of which the key stands for, and
the same number of threads, which decides how sums are rounded.
"""

from __future__ import annotations

import hashlib
import io
import logging
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import torch

from privprune.checkpoints.state import capture, restore
from privprune.files import write_bytes

Result = TypeVar("Result")
_DIGEST = 32  # bytes of a SHA-256, which every file begins with


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of a stage, or of a part of its work.

    Attributes:
        folder: those of the stage; None keeps nothing.
        key: returns what names the work; asked only where there is a file to read or to write.
        seconds: of work that may be lost; a stage that is younger keeps nothing.
        began: when the stage began, by the monotonic clock.
        parts: names of the part of the work, from the whole down.

    """

    folder: Path | None
    key: Callable[[], str]
    seconds: float
    began: float
    parts: tuple[str, ...] = ()

    def within(self, part: str) -> Checkpoints:
        """Return those of a part of the work."""
        return replace(self, parts=(*self.parts, part))

    def done(self, part: str, work: Callable[[], Result]) -> Result:
        """Do a part of the work, or return what it gave when it was done before.

        Args:
            part: its name; what it keeps on its way, `within(part)`, goes when its result is there.
            work: gives the same whenever it is done.

        """
        found = self._read(part)
        if found is not None:
            result: Result = found[0]
            return result
        result = work()
        if self.folder is not None and self.old:
            self._write(part, (result,))
            shutil.rmtree(self.within(part).place, ignore_errors=True)
        return result

    def turns(self, loop: str, number: int, state: Any, unchanged: Collection[object] = ()) -> Iterator[int]:
        """Count the turns of a loop, from the first that is not done to the last; keep the state between them.

        Args:
            loop: its name.
            number: of turns.
            state: all that a turn changes, see `snapshots.captured`; a kept state is put into it before the first turn.
            unchanged: objects that it reaches and no turn changes.

        """
        first, kept = self._read(loop) or (0, None)
        if first:
            restore(kept, state)
        written = time.monotonic()
        for turn in range(first, number):
            yield turn
            if self.folder is None:
                continue
            due = time.monotonic() - written >= self.seconds
            if due or (turn + 1 == number and self.old):  # the last, so that a next loop need not wait for this one
                self._write(loop, (turn + 1, capture(state, unchanged)))
                written = time.monotonic()

    @property
    def old(self) -> bool:
        """Whether the stage has run for long enough to keep something of it."""
        return time.monotonic() - self.began >= self.seconds

    @property
    def place(self) -> Path:
        """The folder of this part of the work; asks for the key."""
        assert self.folder is not None  # noqa: S101 (asked for where something is kept)
        return self.folder.joinpath(self.key(), *map(_quoted, self.parts))

    def _file(self, name: str) -> Path:
        return self.place / f"{_quoted(name)}-{torch.get_num_threads()}.checkpoint"

    def _read(self, name: str) -> tuple[Any, ...] | None:
        """Return what was written under a name; None where nothing was, or it is damaged."""
        if self.folder is None or not self.folder.exists():
            return None
        file = self._file(name)
        if not file.exists():
            return None
        content = file.read_bytes()
        if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
            logging.getLogger(__name__).warning("warning: %s is damaged; that part of the work starts over", file)
            file.unlink()
            return None
        # A file of our own, that is whole: it may hold objects, such as a result.
        found: tuple[Any, ...] = torch.load(io.BytesIO(content[_DIGEST:]), weights_only=False)
        return found

    def _write(self, name: str, content: tuple[Any, ...]) -> None:
        buffer = io.BytesIO()
        torch.save(content, buffer)
        whole = buffer.getvalue()
        write_bytes(self._file(name), hashlib.sha256(whole).digest() + whole)


def _quoted(name: str) -> str:
    return quote(name, safe=" ,")


NONE = Checkpoints(None, str, 0.0, 0.0)  # keeps nothing


@contextmanager
def checkpoints_in(folder: Path, key: Callable[[], str], seconds: float) -> Iterator[Checkpoints]:
    """Keep checkpoints of a stage, until the block has ended well: then they go.

    Args:
        folder: of this stage alone; what other work has left there goes at once.
        key: returns the name of a folder, other for other work.
        seconds: of work that may be lost.

    """
    known = cache(key)
    for other in folder.iterdir() if folder.exists() else ():
        if other.name != known():
            shutil.rmtree(other, ignore_errors=True)
    yield Checkpoints(folder, known, seconds, time.monotonic())
    shutil.rmtree(folder, ignore_errors=True)
