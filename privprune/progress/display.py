"""The display of progress on the terminal, and callbacks after each epoch, for a process and its forked workers."""

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

# More refreshes are not readable, and take time from the training.
REFRESHES_PER_SECOND = 4
SECONDS_TO_CATCH_UP = 10


class EpochCallback(Protocol):
    """A function that is called after each epoch, for instance `privprune.tracking.LiveRun.on_epoch`."""

    def __call__(self, name: str, epoch: int, total: int, measurements: Mapping[str, Sequence[float]]) -> None:
        """Take the measurements of one finished epoch.

        Args:
            name: label of the networks that are trained.
            epoch: the finished epoch, counted from 0.
            total: number of epochs.
            measurements: name of the measurement -> its values, one per group of networks.

        """


@dataclass(frozen=True)
class ProgressEvent:
    """One report of one reporter.

    Attributes:
        key: identifies the reporter, across processes.
        label: the networks that are trained.
        done, total: number of finished epochs, and of all epochs.
        words: text beside the bar.
        measurements: measurements of the epoch that has just finished; empty if none has.
        last: the line that remains when the reporter has finished; None before.

    """

    key: str
    label: str
    done: int
    total: int
    words: str = ""
    measurements: dict[str, float] = field(default_factory=dict)
    last: str | None = None


class ProgressDisplay:
    """Shows events as bars on the terminal, and calls the callbacks after each epoch.

    A terminal can have only one live display. A forked worker therefore has neither display nor callbacks: it sends its
    events through a pipe to the process that has them.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        self._callbacks: list[EpochCallback] = []
        self._pipe: tuple[int, int] | None = None
        self._reader: threading.Thread | None = None
        self._caught_up = threading.Event()
        self._is_worker = False

    def report(self, event: ProgressEvent) -> None:
        """Show an event of this process, or send it to the process that has the display."""
        if not self._is_worker:
            self._handle(event)
        elif self._pipe is not None:
            self._send(json.dumps(asdict(event)))

    @contextlib.contextmanager
    def after_each_epoch(self, callback: EpochCallback) -> Iterator[None]:
        """Call a callback after each epoch that ends inside the block, in this process or a forked worker."""
        self._callbacks.append(callback)
        try:
            yield
        finally:
            self._catch_up()
            self._callbacks.remove(callback)

    def end(self) -> None:
        """Stop the display, which shows the cursor again even where a stage has failed."""
        self._catch_up()
        with self._lock:
            self._tasks.clear()
            self._stop()

    def before_fork(self) -> None:
        """Open the pipe for a worker's events, and lock, so that no other thread has the lock during the fork."""
        if self._pipe is None and not self._is_worker and (self._callbacks or on_terminal()):
            self._pipe = os.pipe()
        self._lock.acquire()

    def after_fork(self) -> None:
        """Release the lock, and start to read the events of workers."""
        self._lock.release()
        if self._pipe is not None and self._reader is None and not self._is_worker:
            self._reader = threading.Thread(target=self._read, args=(self._pipe[0],), daemon=True)
            self._reader.start()

    def become_worker(self) -> None:
        """Drop display and callbacks, which belong to the parent process."""
        if self._bars is not None:  # a live display replaces both streams
            sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        self._lock = threading.RLock()
        self._bars = self._reader = None
        self._tasks, self._callbacks = {}, []
        self._is_worker = True

    def _handle(self, event: ProgressEvent) -> None:
        # Callbacks run under the lock: otherwise a fork could copy their state in the middle of a call.
        with self._lock:
            if on_terminal():
                self._show(event)
            if event.measurements:
                for callback in self._callbacks:
                    values = {name: [value] for name, value in event.measurements.items()}
                    callback(event.label, event.done - 1, event.total, values)

    def _show(self, event: ProgressEvent) -> None:
        """Update the bar of a reporter; the first reporter starts the display, the last one to finish stops it."""
        if self._bars is None:
            self._bars = _display()
            self._bars.start()
        if event.key not in self._tasks:
            self._tasks[event.key] = self._bars.add_task(event.label, total=event.total, words="")
        if event.last is None:
            self._bars.update(self._tasks[event.key], completed=event.done, words=event.words)
            return
        self._bars.remove_task(self._tasks.pop(event.key))
        if event.last:
            self._bars.console.print(event.last, markup=False, highlight=False)
        if not self._tasks:
            self._stop()

    def _stop(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def _send(self, line: str) -> None:
        """Write a line to the pipe; lines longer than PIPE_BUF are dropped, since only shorter writes are atomic."""
        content = f"{line}\n".encode()
        if self._pipe is not None and len(content) <= select.PIPE_BUF:
            with contextlib.suppress(OSError):
                os.write(self._pipe[1], content)

    def _read(self, source: int) -> None:
        """Handle the events of workers until the process ends; an empty line answers `_catch_up`."""
        rest = b""
        while True:
            *lines, rest = (rest + os.read(source, 65536)).split(b"\n")
            for line in lines:
                if line:
                    self._handle(ProgressEvent(**json.loads(line)))
                else:
                    self._caught_up.set()

    def _catch_up(self) -> None:
        """Wait until the events that workers have sent so far are handled."""
        if self._reader is not None:
            self._caught_up.clear()
            self._send("")
            self._caught_up.wait(SECONDS_TO_CATCH_UP)


def on_terminal() -> bool:
    """Whether standard error is a terminal with a movable cursor."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _display() -> Bars:
    """Return a live display with one bar per reporter."""
    return Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TextColumn("{task.fields[words]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
        console=Console(stderr=True),
        refresh_per_second=REFRESHES_PER_SECOND,
    )


progress_display = ProgressDisplay()
atexit.register(progress_display.end)
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=progress_display.before_fork,
        after_in_parent=progress_display.after_fork,
        after_in_child=progress_display.become_worker,
    )
