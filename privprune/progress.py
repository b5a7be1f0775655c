"""Progress of long stages: live bars on a terminal, one line per epoch elsewhere (a log file, a batch job)."""

import atexit
import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.table import Column

# A shorter refresh shows nothing that a person could read, and takes time from the training.
REFRESHES_PER_SECOND = 4


class Listener(Protocol):
    """Whoever else wants to know, for instance `privprune.tracking.LiveRun.on_epoch`."""

    def __call__(self, name: str, epoch: int, total: int, measurements: Mapping[str, Sequence[float]]) -> None:
        """Hear that `epoch` (from 0) of `total` of the networks `name` is done, with one value per network."""


class Reporter(Protocol):
    """What the training loop talks to."""

    def epoch(self, epoch: int, measurements: Mapping[str, float]) -> None:
        """Report one finished epoch, counted from 0, with what was measured in it (fractions, not percent)."""

    def close(self) -> None:
        """Report that no epoch follows."""


class Silent:
    """A reporter that says nothing."""

    def epoch(self, epoch: int, measurements: Mapping[str, float]) -> None:
        """Say nothing."""

    def close(self) -> None:
        """Say nothing."""


class Progress:
    """Epoch, measurements, throughput and time left of one group of networks.

    Several may report from several threads at once: on a terminal each has its own bar, elsewhere lines stay whole.
    """

    def __init__(
        self,
        label: str,
        epochs_total: int,
        images_per_epoch: int,
        *,
        listener: Listener | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin to report, and start the clock.

        Args:
            label: who is trained, the first word of every line.
            epochs_total: epochs until the end, those done before a resumed training began included.
            images_per_epoch: images seen in one epoch by all networks of the group together; 0 shows no throughput.
            listener: told of every epoch as well.
            clock: seconds from any beginning.

        """
        self._label = label
        self._total = epochs_total
        self._images = images_per_epoch
        self._listener = listener
        self._clock = clock
        self._began = self._last = clock()
        self._first: int | None = None
        self._line = ""
        self._bar = _board.join(label, epochs_total) if _on_terminal() else None

    def epoch(self, epoch: int, measurements: Mapping[str, float]) -> None:
        """Report one finished epoch, counted from 0, with what was measured in it (fractions, not percent)."""
        now = self._clock()
        if self._first is None:
            self._first = epoch
        done_here = epoch - self._first + 1
        left = (self._total - epoch - 1) * (now - self._began) / done_here
        measured = [f"{name.replace('_', ' ')} {_figure(name, value)}" for name, value in measurements.items()]
        speed = [f"{self._images / (now - self._last):,.0f} images/s"] if self._images and now > self._last else []
        self._last = now
        self._show(epoch + 1, measured, [*speed, f"{_clock_face(left)} left"])
        if self._listener is not None:
            self._listener(self._label, epoch, self._total, {name: [value] for name, value in measurements.items()})
            self._last = self._clock()  # the time that listening takes is not the network's

    def close(self) -> None:
        """Report that no epoch follows: the bar makes room, its last line stays."""
        if self._bar is not None:
            _board.leave(self._bar, self._line)
            self._bar = None

    def __enter__(self) -> Self:
        """Return the reporter; leaving the block closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the reporter, whatever happened."""
        self.close()

    def _show(self, done: int, measured: list[str], pace: list[str]) -> None:
        """Move the bar, or write the line."""
        self._line = " ".join([self._label, f"{done}/{self._total}", *measured, *pace])
        if self._bar is not None:
            # A narrow terminal cuts the end: there, the pace comes first.
            _board.move(self._bar, done, " ".join([*pace, *measured]))
        else:
            # One write per line keeps lines of several threads whole. Training goes on without a place to write to.
            with contextlib.suppress(OSError):
                sys.stderr.write(f"{self._line}\n")
                sys.stderr.flush()


class _Board:
    """The bars of all reporters of this process, as a terminal holds one live display at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bars: Bars | None = None
        self._places: set[TaskID] = set()

    def join(self, label: str, total: int) -> TaskID:
        """Add a bar; the first one starts the display."""
        with self._lock:
            if self._bars is None:
                self._bars = _display()
                self._bars.start()
            place = self._bars.add_task(label, total=total, words="")
            self._places.add(place)
            return place

    def move(self, place: TaskID, done: int, words: str) -> None:
        """Show how far a bar is."""
        with self._lock:
            if self._bars is not None:
                self._bars.update(place, completed=done, words=words)

    def leave(self, place: TaskID, line: str) -> None:
        """Replace a bar by its last line; the last one ends the display."""
        with self._lock:
            if self._bars is None:
                return
            self._bars.remove_task(place)
            self._places.discard(place)
            if line:
                self._bars.console.print(line, markup=False, highlight=False)
            if not self._places:
                self._stop()

    def end(self) -> None:
        """End the display, so that a stage that fails leaves the terminal with its cursor."""
        with self._lock:
            self._places.clear()
            self._stop()

    def _stop(self) -> None:
        """End the display, under the lock."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


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


def _on_terminal() -> bool:
    """Whether standard error is a terminal that can move its cursor."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _figure(name: str, value: float) -> str:
    """Write an accuracy in percent and everything else with three significant digits."""
    if name.endswith("accuracy"):
        return f"{100 * value:.1f} %"
    return f"{value:#.3g}".removesuffix(".")


def _clock_face(seconds: float) -> str:
    """Write 42 seconds as 0:42 and an hour as 1:00:00."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


_board = _Board()
atexit.register(_board.end)
