"""Where the reporters of a process and of its forked workers meet: bars on the terminal, and whoever listens."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.table import Column

# A shorter refresh shows nothing that a person could read, and takes time from the training.
REFRESHES_PER_SECOND = 4
SECONDS_TO_CATCH_UP = 10


class Listener(Protocol):
    """Whoever else wants to know, for instance `privprune.tracking.LiveRun.on_epoch`."""

    def __call__(self, name: str, epoch: int, total: int, measurements: Mapping[str, Sequence[float]]) -> None:
        """Hear that `epoch` (from 0) of `total` of the networks `name` is done, with one value per group of them."""


@dataclass(frozen=True)
class Event:
    """What a reporter has to say.

    Attributes:
        key: which reporter, of which process.
        label: who is trained.
        done, total: epochs.
        words: what stands beside a bar.
        measurements: of the epoch that has ended, empty where none has.
        last: the line that stays when the reporter has finished, None before.

    """

    key: str
    label: str
    done: int
    total: int
    words: str = ""
    measurements: dict[str, float] = field(default_factory=dict)
    last: str | None = None


class Board:
    """Shows events on the terminal, which holds one live display at a time, and passes them on to listeners.

    A forked worker has neither the display nor the listeners: it sends its events to the process that they are in.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._bars: Bars | None = None
        self._places: dict[str, TaskID] = {}
        self._listeners: list[Listener] = []
        self._pipe: tuple[int, int] | None = None
        self._reader: threading.Thread | None = None
        self._caught_up = threading.Event()
        self._is_worker = False

    def tell(self, event: Event) -> None:
        """Take an event of this process."""
        if not self._is_worker:
            self._take(event)
        elif self._pipe is not None:
            self._send(json.dumps(asdict(event)))

    @contextlib.contextmanager
    def heard_by(self, listener: Listener) -> Iterator[None]:
        """Pass every epoch that ends inside the block on to a listener."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._catch_up()
            self._listeners.remove(listener)

    def end(self) -> None:
        """End the display, so that a stage that fails leaves the terminal with its cursor."""
        self._catch_up()
        with self._lock:
            self._places.clear()
            self._stop()

    def before_fork(self) -> None:
        """Make the way back for a worker's events, and let nobody hold a lock that the worker would inherit."""
        if self._pipe is None and not self._is_worker and (self._listeners or on_terminal()):
            self._pipe = os.pipe()
        self._lock.acquire()

    def after_fork(self) -> None:
        """Go on, and begin to read what workers send."""
        self._lock.release()
        if self._pipe is not None and self._reader is None and not self._is_worker:
            self._reader = threading.Thread(target=self._read, args=(self._pipe[0],), daemon=True)
            self._reader.start()

    def become_worker(self) -> None:
        """Leave display and listeners to the process that has forked."""
        if self._bars is not None:  # a display takes both streams over
            sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        self._lock = threading.RLock()
        self._bars = self._reader = None
        self._places, self._listeners = {}, []
        self._is_worker = True

    def _take(self, event: Event) -> None:
        # Listeners are called under the lock, too: a process that forks meanwhile would copy what they are doing.
        with self._lock:
            if on_terminal():
                self._show(event)
            if event.measurements:
                for listener in self._listeners:
                    values = {name: [value] for name, value in event.measurements.items()}
                    listener(event.label, event.done - 1, event.total, values)

    def _show(self, event: Event) -> None:
        """Move the reporter's bar; the first one starts the display, the last one to finish ends it."""
        if self._bars is None:
            self._bars = _display()
            self._bars.start()
        if event.key not in self._places:
            self._places[event.key] = self._bars.add_task(event.label, total=event.total, words="")
        if event.last is None:
            self._bars.update(self._places[event.key], completed=event.done, words=event.words)
            return
        self._bars.remove_task(self._places.pop(event.key))
        if event.last:
            self._bars.console.print(event.last, markup=False, highlight=False)
        if not self._places:
            self._stop()

    def _stop(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def _send(self, line: str) -> None:
        """Write a line to the pipe; up to this length, lines of several processes do not mix."""
        content = f"{line}\n".encode()
        if self._pipe is not None and len(content) <= select.PIPE_BUF:
            with contextlib.suppress(OSError):
                os.write(self._pipe[1], content)

    def _read(self, source: int) -> None:
        """Take the events of workers, until the process ends."""
        rest = b""
        while True:
            *lines, rest = (rest + os.read(source, 65536)).split(b"\n")
            for line in lines:
                if line:
                    self._take(Event(**json.loads(line)))
                else:
                    self._caught_up.set()

    def _catch_up(self) -> None:
        """Wait until what workers have sent so far is taken."""
        if self._reader is not None:
            self._caught_up.clear()
            self._send("")
            self._caught_up.wait(SECONDS_TO_CATCH_UP)


def on_terminal() -> bool:
    """Whether standard error is a terminal that can move its cursor."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _display() -> Bars:
    """Return the live display of the terminal."""
    return Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TextColumn("{task.fields[words]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
        console=Console(stderr=True),
        refresh_per_second=REFRESHES_PER_SECOND,
    )


board = Board()
atexit.register(board.end)
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=board.before_fork, after_in_parent=board.after_fork, after_in_child=board.become_worker)
