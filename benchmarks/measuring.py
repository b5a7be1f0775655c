"""Measure two or more ways of doing the same in one run, by turns, so that both meet the same state of the machine."""

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

Of = TypeVar("Of")  # how much is measured
Result = TypeVar("Result")
Row = TypeVar("Row")
Given = ParamSpec("Given")
DEFAULT_THREADS = torch.get_num_threads()  # as PyTorch finds it good, before anything here changes it


@dataclass(frozen=True)
class BatchSize:
    """How much is measured of a network's steps: network, images of a batch, batches of a round, rounds."""

    model: str
    batch: int
    batches: int
    rounds: int


def on_one_thread(measure: Callable[Given, Result]) -> Callable[Given, Result]:
    """Let a measurement run on one thread, and give PyTorch its threads back afterwards."""

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
    """Measure in a fresh process: once a process has touched a GPU, it can no longer fork workers."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, given, named)


def on_each_device(measure: Callable[[Of, torch.device], list[Row]], size: Of) -> list[Row]:
    """Measure on one thread of the CPU, and then on the GPU where there is one."""
    found = on_one_thread(measure)(size, torch.device("cpu"))
    if torch.cuda.is_available():
        found += in_own_process(measure, size, torch.device("cuda"))
    return found


def place(device: torch.device) -> str:
    """Return what the name of a row ends with that was measured on a device."""
    return "" if device.type == "cpu" else ", GPU"


def threads(device: torch.device) -> str:
    """Say for a note what computed."""
    return "one thread" if device.type == "cpu" else torch.cuda.get_device_name(device)


def synchronised(work: Callable[[], object]) -> float:
    """Return the seconds of some work, what it gave a GPU to do included."""
    wait_for_gpu()
    began = time.perf_counter()
    work()
    wait_for_gpu()
    return time.perf_counter() - began


def wait_for_gpu() -> None:
    """Let a GPU finish what this process has given it; asking for one would begin one, which is not wanted."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


@contextlib.contextmanager
def tidied() -> Iterator[Callable[[], object]]:
    """Yield a way to collect garbage that leaves alone what is there now, the imported modules most of all."""
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
        seconds: side -> one number per round; the sides of a round were measured one right after the other.

    """

    seconds: dict[str, list[float]]

    def median(self, side: str) -> float:
        """Return the median seconds of a side."""
        return median(self.seconds[side])

    def times_faster(self, side: str, than: str) -> float:
        """Return how many times less time a side takes than another: the median over the rounds."""
        return median(self._ratios(side, than))

    def spread(self, side: str, than: str, work: int = 1) -> str:
        """Say the least and the largest ratio of the rounds, where a side does `work` times as much."""
        ratios = [work * ratio for ratio in self._ratios(side, than)]
        return f"{min(ratios):.2f} to {max(ratios):.2f} in {len(ratios)} rounds"

    def _ratios(self, side: str, than: str) -> list[float]:
        return [slow / fast for slow, fast in zip(self.seconds[than], self.seconds[side], strict=True)]


def by_turns(sides: Mapping[str, Callable[[], object]], rounds: int, *, warm_up: bool = True) -> Timing:
    """Time all sides by turns.

    Args:
        sides: name -> the work.
        rounds: how often each side is measured.
        warm_up: run each side once before, unmeasured.

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
    """Say which operators take the most processor time of their own in some work of one process."""
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        work()
    rows = sorted(profiled.key_averages(), key=lambda row: row.self_cpu_time_total, reverse=True)
    total = sum(row.self_cpu_time_total for row in rows) or 1
    named = [f"{row.key.removeprefix('aten::')} {100 * row.self_cpu_time_total / total:.0f} %" for row in rows[:count]]
    return f"processor time: {', '.join(named)}"
