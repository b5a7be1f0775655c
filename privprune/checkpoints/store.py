"""The progress of a long stage on disk, from which a stage that was killed resumes. It is deleted when the stage ends.

Two things are stored: the results of finished parts of the work (a network, an attack on a target), and the state of
a loop that is under way, after one of its turns (an epoch). A stage shorter than the interval writes nothing.

Only the same work is resumed. The key stands for its settings, code, data, inputs, versions and device; the name of a
file also says the number of threads, on which the rounding of sums depends.
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
from privprune.errors import UserError
from privprune.files import write_bytes

Result = TypeVar("Result")
_DIGEST = 32  # bytes of a SHA-256 digest, with which every file begins


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of a stage, or of a part of its work.

    Attributes:
        folder: that of the stage; None stores nothing.
        key: returns a name of the work; called only where a file is read or written.
        seconds: of work that may be lost; in its first so many seconds a stage stores nothing.
        began: when the stage began, by the monotonic clock.
        parts: the part of the work, as a path: a part, a part of that part, and so on; empty for the whole stage.

    """

    folder: Path | None
    key: Callable[[], str]
    seconds: float
    began: float
    parts: tuple[str, ...] = ()

    def within(self, part: str) -> Checkpoints:
        """Return the checkpoints of a part of the work."""
        return replace(self, parts=(*self.parts, part))

    def done(self, part: str, work: Callable[[], Result]) -> Result:
        """Do a part of the work, or return its stored result if it was done before the stage was killed.

        Args:
            part: its name; its own checkpoints, `within(part)`, are deleted when its result is stored.
            work: does it; its result must depend on nothing that changes between two calls.

        """
        stored = self._read(part)
        if stored is not None:
            result: Result = stored[0]
            return result
        result = work()
        if self.folder is not None and self._is_long and self._write(part, (result,)):
            shutil.rmtree(self.within(part).path, ignore_errors=True)
        return result

    def turns(self, loop: str, number: int, state: Any, unchanged: Collection[object] = ()) -> Iterator[int]:
        """Yield the numbers of a loop's turns, counted from 0, and store its state between them.

        A loop that was killed resumes: a stored state is restored, and the turns that it contains are left out.

        Args:
            loop: its name.
            number: of turns.
            state: all that a turn changes, see `checkpoints.state.capture`.
            unchanged: objects that the state refers to and no turn changes.

        """
        first, stored = self._read(loop) or (0, None)
        if first:
            restore(stored, state)
        written = time.monotonic()
        for turn in range(first, number):
            yield turn
            if self.folder is None:
                continue
            due = time.monotonic() - written >= self.seconds
            last = turn + 1 == number  # stored early: the next loop may be killed before its first state is due
            if due or (last and self._is_long):
                self._write(loop, (turn + 1, capture(state, unchanged)))
                written = time.monotonic()

    @property
    def _is_long(self) -> bool:
        """Whether the stage has run for long enough to store something."""
        return time.monotonic() - self.began >= self.seconds

    @property
    def path(self) -> Path:
        """The folder of this part of the work; calls `key`."""
        assert self.folder is not None  # noqa: S101 (used only where something is stored)
        return self.folder.joinpath(self.key(), *map(_quoted, self.parts))

    def _file(self, name: str) -> Path:
        return self.path / f"{_quoted(name)}-{torch.get_num_threads()}.checkpoint"

    def _read(self, name: str) -> tuple[Any, ...] | None:
        """Return what was written under a name; None where there is no file, or a damaged one."""
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
        # Not weights alone: the file contains objects, such as a result. It is ours, and undamaged.
        content_read: tuple[Any, ...] = torch.load(io.BytesIO(content[_DIGEST:]), weights_only=False)
        return content_read

    def _write(self, name: str, content: tuple[Any, ...]) -> bool:
        """Store something; returns whether that was possible. Without it the work goes on, and a kill costs more."""
        buffer = io.BytesIO()
        torch.save(content, buffer)
        written = buffer.getvalue()
        try:
            write_bytes(self._file(name), hashlib.sha256(written).digest() + written)
        except UserError as refused:
            logging.getLogger(__name__).warning("warning: %s; the work goes on without this checkpoint", refused)
            return False
        return True


def _quoted(name: str) -> str:
    return quote(name, safe=" ,")


NONE = Checkpoints(None, str, 0.0, 0.0)  # stores nothing


@contextmanager
def checkpoints_in(folder: Path, key: Callable[[], str], seconds: float) -> Iterator[Checkpoints]:
    """Provide the checkpoints of a stage to a block, and delete them when the block ends without an error.

    Args:
        folder: of this stage alone; the checkpoints of other work in it are deleted at the beginning.
        key: returns the name of a folder inside, which is different for different work.
        seconds: of work that may be lost.

    """
    cached_key = cache(key)
    for other in folder.iterdir() if folder.exists() else ():
        if other.name != cached_key():
            shutil.rmtree(other, ignore_errors=True)
    yield Checkpoints(folder, cached_key, seconds, time.monotonic())
    shutil.rmtree(folder, ignore_errors=True)
