"""95 % intervals over seeds and records: how long the bootstrap takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np

from benchmarks.measuring import on_one_thread
from benchmarks.result import Result
from privprune.metrics.intervals import bootstrap_of_means
from privprune.metrics.membership import Scores
from privprune.metrics.membership import measure as measure_membership

NAME = "intervals"
SECONDS = 2.0


@dataclass(frozen=True)
class Size:
    """Size of the measurement: seeds, records that all of them share, resamples, rounds."""

    seeds: int
    records: int
    resamples: int
    rounds: int


FULL = Size(seeds=10, records=10_000, resamples=1000, rounds=5)
QUICK = Size(seeds=3, records=40, resamples=20, rounds=1)


@on_one_thread
def measure(size: Size) -> list[Result]:
    """Time the interval of a mean over records, and those of all measures of a membership attack."""
    draw = np.random.default_rng(0)
    ids, half = np.arange(size.records), size.records // 2
    values = [draw.normal(size=size.records) for _ in range(size.seeds)]
    scores = [Scores(1 + one[:half], one[half:], 0.5, records=(ids[:half], ids[half:])) for one in values]
    means = _seconds(lambda: bootstrap_of_means(values, size.resamples, draw, [ids] * size.seeds), size.rounds)
    attack = _seconds(lambda: measure_membership(scores, size.resamples, draw), size.rounds)
    what = f"{size.seeds} seeds on the same {size.records:,} records"
    note = f"{size.resamples:,} resamples of seeds and records; the processor's time, median of {size.rounds} rounds"
    return [
        Result(NAME, f"interval of a mean, {what}", means, "s", SECONDS, "lower", note),
        Result(NAME, f"intervals of a membership attack, {what}", attack, "s", SECONDS, "lower", note),
    ]


def _seconds(work: Callable[[], object], rounds: int) -> float:
    """Return the processor's time of one round, after one that does not count."""
    taken = []
    for _ in range(rounds + 1):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return median(taken[1:])
