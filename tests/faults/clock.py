"""A clock that is set back between two runs, and files from the future."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

from tests.faults.bench import Around, Bench, Outcome
from tests.faults.means import age, faketime

FAULT = "clock set back"
_DAYS = 30
_CHANGE = ("resamples: 50", "resamples: 60")


def between(bench: Bench) -> Iterator[Outcome]:
    """Kill a run at half its time, set the clock back by a month, and go on."""
    back, clone = faketime(-_DAYS), bench.fresh()
    if back is None:
        yield Outcome(FAULT, "clock of the process (libfaketime)", "", "not at hand: libfaketime", passed=None)
    else:
        process = bench.start(clone)
        try:
            process.communicate(timeout=bench.seconds / 2)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        around = Around(environment=back)
        ended = bench.again(clone, bench.run(clone, around), around)
        yield bench.judged(FAULT, f"by {_DAYS} days, at half of a run (libfaketime)", clone, ended)
        yield _changed(bench, around)
    bench.remove(clone)


def _changed(bench: Bench, around: Around) -> Outcome:
    """Change the suite while the clock is set back: what depends on it runs again, and after the change back too."""
    clone = bench.reference.copy(bench.folder / "changed" / "privprune")
    clone.change(*_CHANGE)
    first = bench.run(clone, around)
    differs = bool(bench.difference(clone))
    clone.change(*reversed(_CHANGE))
    second = bench.run(clone, around)
    different = bench.difference(clone)
    found = f"{'noticed' if differs else 'NOT NOTICED'}; changed back: {different or 'same bytes'}"
    passed = first.status == second.status == 0 and differs and not different
    done = f"by {_DAYS} days, then the suite changed, and changed back (libfaketime)"
    outcome = Outcome(FAULT, done, "the change is noticed, then same bytes", found, passed=passed)
    bench.remove(clone)
    return outcome


def files(bench: Bench) -> Iterator[Outcome]:
    """Give every file of a clone a time in the future, before the first run; needs no library."""
    clone = bench.fresh()
    age(clone.folder, _DAYS)
    yield bench.judged(FAULT, f"all files are from {_DAYS} days ahead", clone, bench.run(clone))
    bench.remove(clone)
