"""Progress of long stages: live bars on a terminal, one line per epoch elsewhere (a log file, a batch job)."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Protocol, Self

from privprune.progress.display import Event, Listener, board, on_terminal

__all__ = ["Listener", "Progress", "Reporter", "heard_by"]

heard_by = board.heard_by
_numbers = itertools.count()


class Reporter(Protocol):
    """What the training loop talks to."""

    def epoch(self, epoch: int, measurements: Mapping[str, float]) -> None:
        """Report one finished epoch, counted from 0, with what was measured in it (fractions, not percent)."""

    def close(self) -> None:
        """Report that no epoch follows."""


class Progress:
    """Epoch, measurements, throughput and time left of one group of networks.

    Several may report at once, from several threads and from forked workers: on a terminal each has its own bar,
    elsewhere lines stay whole.
    """

    def __init__(
        self, label: str, epochs_total: int, images_per_epoch: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin to report, and start the clock.

        Args:
            label: who is trained, the first word of every line.
            epochs_total: epochs until the end, those done before a resumed training began included.
            images_per_epoch: images seen in one epoch by all networks of the group together; 0 shows no throughput.
            clock: seconds from any beginning.

        """
        self._key = f"{os.getpid()}-{next(_numbers)}"
        self._label = label
        self._total = epochs_total
        self._images = images_per_epoch
        self._clock = clock
        self._began = self._last = clock()
        self._first: int | None = None
        self._done = 0
        self._line = ""
        self._closed = False
        self._tell()

    def epoch(self, epoch: int, measurements: Mapping[str, float]) -> None:
        """Report one finished epoch, counted from 0, with what was measured in it (fractions, not percent)."""
        now = self._clock()
        if self._first is None:
            self._first = epoch
        left = (self._total - epoch - 1) * (now - self._began) / (epoch - self._first + 1)
        measured = [f"{name.replace('_', ' ')} {_figure(name, value)}" for name, value in measurements.items()]
        speed = [f"{self._images / (now - self._last):,.0f} images/s"] if self._images and now > self._last else []
        pace = [*speed, f"{_clock_face(left)} left"]
        self._done = epoch + 1
        self._line = " ".join([self._label, f"{self._done}/{self._total}", *measured, *pace])
        if not on_terminal():
            # One write per line keeps lines of several threads whole. Training goes on without a place to write to.
            with contextlib.suppress(OSError):
                sys.stderr.write(f"{self._line}\n")
                sys.stderr.flush()
        # A narrow terminal cuts the end: there, the pace comes first.
        self._tell(" ".join([*pace, *measured]), {name: float(value) for name, value in measurements.items()})
        self._last = self._clock()  # the time that listening takes is not the network's

    def close(self) -> None:
        """Report that no epoch follows: the bar makes room, its last line stays."""
        if not self._closed:
            self._tell(last=self._line)
        self._closed = True

    def __enter__(self) -> Self:
        """Return the reporter; leaving the block closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the reporter, whatever happened."""
        self.close()

    def _tell(self, words: str = "", measurements: dict[str, float] | None = None, last: str | None = None) -> None:
        """Tell the board where this reporter is."""
        board.tell(Event(self._key, self._label, self._done, self._total, words, measurements or {}, last))


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
