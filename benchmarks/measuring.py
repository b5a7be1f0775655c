"""Measure several implementations in turn in one run, so that the state of the machine is the same for all."""

from __future__ import annotations

import contextlib
import functools
import gc
import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import ParamSpec, TypeVar

import torch
from torch.profiler import ProfilerActivity, profile

Of = TypeVar("Of")  # size of a measurement
Result = TypeVar("Result")
Row = TypeVar("Row")
Given = ParamSpec("Given")
DEFAULT_THREADS = torch.get_num_threads()  # PyTorch's default, read before any benchmark changes it


@dataclass(frozen=True)
class BatchSize:
    """Size of a measurement of training steps: network, images per batch, batches per round, rounds."""

    model: str
    batch: int
    batches: int
    rounds: int


def on_one_thread(measure: Callable[Given, Result]) -> Callable[Given, Result]:
    """Run a measurement on one thread, and restore PyTorch's number of threads afterwards."""

    @functools.wraps(measure)
    def alone(*given: Given.args, **named: Given.kwargs) -> Result:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return measure(*given, **named)
        finally:
            torch.set_num_threads(threads)

    return alone


def in_own_process(measure: Callable[Given, Result], *given: Given.args, **named: Given.kwargs) -> Result:
    """Measure in a new process: a process that has used a GPU can no longer fork workers."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, given, named)


def on_each_device(measure: Callable[[Of, torch.device], list[Row]], size: Of) -> list[Row]:
    """Measure on one thread of the CPU, and then on the GPU if there is one."""
    rows = on_one_thread(measure)(size, torch.device("cpu"))
    if torch.cuda.is_available():
        rows += in_own_process(measure, size, torch.device("cuda"))
    return rows


def place(device: torch.device) -> str:
    """Return the suffix of a row's name for a device."""
    return "" if device.type == "cpu" else ", GPU"


def threads(device: torch.device) -> str:
    """Return the device, or its number of threads, for a note."""
    return "one thread" if device.type == "cpu" else torch.cuda.get_device_name(device)


def synchronised(work: Callable[[], object]) -> float:
    """Return the seconds of a call of `work`, including what it started on a GPU."""
    wait_for_gpu()
    began = time.perf_counter()
    work()
    wait_for_gpu()
    return time.perf_counter() - began


def wait_for_gpu() -> None:
    """Wait until a GPU has finished the work of this process; does not initialise a GPU that is not in use."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


@contextlib.contextmanager
def tidied() -> Iterator[Callable[[], object]]:
    """Yield a function that collects garbage but skips objects that exist now, above all imported modules."""
    gc.collect()
    gc.freeze()
    try:
        yield gc.collect
    finally:
        gc.unfreeze()


@dataclass(frozen=True)
class Timing:
    """Seconds of each side, round by round.

    Attributes:
        seconds: side -> one number per round; within a round the sides were measured directly after each other.

    """

    seconds: dict[str, list[float]]

    def median(self, side: str) -> float:
        """Return the median seconds of a side."""
        return median(self.seconds[side])

    def times_faster(self, side: str, than: str) -> float:
        """Return how many times faster a side is than another: the median over the rounds."""
        return median(self._ratios(side, than))

    def spread(self, side: str, than: str, work: int = 1) -> str:
        """Describe the smallest and the largest ratio of the rounds; `work`: how many times more the side does."""
        ratios = [work * ratio for ratio in self._ratios(side, than)]
        return f"{min(ratios):.2f} to {max(ratios):.2f} in {len(ratios)} rounds"

    def _ratios(self, side: str, than: str) -> list[float]:
        return [slow / fast for slow, fast in zip(self.seconds[than], self.seconds[side], strict=True)]


def by_turns(sides: Mapping[str, Callable[[], object]], rounds: int, *, warm_up: bool = True) -> Timing:
    """Time all sides in turn.

    Args:
        sides: name -> function to time.
        rounds: how often each side is measured.
        warm_up: whether each side is run once before the measurement.

    """
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    with tidied() as collect:
        for number in range(-1 if warm_up else 0, rounds):
            for side, work in sides.items():
                collect()
                taken = synchronised(work)
                if number >= 0:
                    seconds[side].append(taken)
    return Timing(seconds)


def top_operators(work: Callable[[], object], count: int = 5) -> str:
    """Describe the operators with the most CPU time of their own in a call of `work`."""
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        work()
    rows = sorted(profiled.key_averages(), key=lambda row: row.self_cpu_time_total, reverse=True)
    total = sum(row.self_cpu_time_total for row in rows) or 1
    named = [f"{row.key.removeprefix('aten::')} {100 * row.self_cpu_time_total / total:.0f} %" for row in rows[:count]]
    return f"processor time: {', '.join(named)}"
