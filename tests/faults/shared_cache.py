"""Two clones with one cache, at the same time; one of them killed; and a third that comes later."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

from tests.faults.bench import Bench, Ended, Outcome
from tests.support.clones import Clone

FAULT = "two clones, one cache"


def clones(bench: Bench) -> Iterator[Outcome]:
    """Run in two clones at once, undisturbed or with one killed; then in a third, which finds all in the cache."""
    for killed in (False, True):
        shared = bench.folder / f"shared-{killed}"
        first, second, third = (_sharing(bench, str(shared)) for _ in range(3))
        runs = [bench.start(clone) for clone in (first, second)]
        if killed:
            time.sleep(bench.random.uniform(0.3, 1.0) * bench.seconds)
            os.killpg(runs[0].pid, signal.SIGKILL)
        ended = [Ended(run.returncode or 0, output) for run, (output, _) in ((run, run.communicate()) for run in runs)]
        ended[0] = bench.again(first, bench.run(first)) if killed else ended[0]
        for clone, end, which in zip((first, second), ended, ("one of two", "the other"), strict=True):
            done = f"{which} at once" + (", the first killed and started again" if killed else "")
            yield bench.judged(FAULT, done, clone, end)
        yield bench.judged(FAULT, "a third, later", third, bench.run(third))
        for clone in (first, second, third):
            bench.remove(clone)


def _sharing(bench: Bench, cache: str) -> Clone:
    clone = bench.fresh()
    output, _ = clone.start("-m", "dvc", "cache", "dir", "--local", cache).communicate()
    assert not output, output
    return clone
