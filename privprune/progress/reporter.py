"""Reports of the progress of a training: live bars on a terminal, one line per epoch in a log file or batch job."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Protocol, Self

from privprune.progress.display import EpochCallback, ProgressEvent, on_terminal, progress_display

__all__ = ["EpochCallback", "Progress", "Reporter", "after_each_epoch"]

after_each_epoch = progress_display.after_each_epoch
_numbers = itertools.count()


class Reporter(Protocol):
    """What the training loop needs: a report after each epoch, and one at the end."""

    def epoch(self, epoch: int, measurements: Mapping[str, float]) -> None:
        """Report one finished epoch, counted from 0, with what was measured in it (fractions, not percent)."""

    def close(self) -> None:
        """Report that no epoch follows."""


class Progress:
    """Reports epoch, measurements, throughput and remaining time of one group of networks.

    Several reporters may be active at once, in several threads and forked workers. On a terminal each has a bar;
    elsewhere each report is one complete line.
    """

    def __init__(
        self, label: str, epochs_total: int, images_per_epoch: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Show the bar, and start the clock.

        Args:
            label: the networks that are trained, the first word of every line.
            epochs_total: number of epochs, including those before a resumed training began.
            images_per_epoch: images seen in one epoch by all networks of the group together; 0 shows no throughput.
            clock: returns seconds since any fixed moment.

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
        self._report()

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
            # One write per line, so that threads do not mix lines. A failed write does not stop the training.
            with contextlib.suppress(OSError):
                sys.stderr.write(f"{self._line}\n")
                sys.stderr.flush()
        # A narrow terminal cuts the end of the line, so the speed and the remaining time come first.
        self._report(" ".join([*pace, *measured]), {name: float(value) for name, value in measurements.items()})
        self._last = self._clock()  # the time of the callbacks does not count as training

    def close(self) -> None:
        """Report that no epoch follows: the bar is removed and its last line remains."""
        if not self._closed:
            self._report(last=self._line)
        self._closed = True

    def __enter__(self) -> Self:
        """Return the reporter; leaving the block closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the reporter, after an error too."""
        self.close()

    def _report(self, words: str = "", measurements: dict[str, float] | None = None, last: str | None = None) -> None:
        """Send the state of this reporter to the display."""
        progress_display.report(
            ProgressEvent(self._key, self._label, self._done, self._total, words, measurements or {}, last)
        )


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
