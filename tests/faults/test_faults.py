"""Each kind of fault in miniature: the same bytes, or one clear line and then the same bytes.

`python -m tests.faults` tries them at length, with DVC. What needs more than a forked process is tried there alone, and
below `tests/stages`: two clones with one cache, stages side by side, a cluster, a clock, other versions of Python.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults import clock, full_disk, interpreters, kills, memory_limit
from tests.faults.__main__ import KINDS
from tests.faults.bench import Around, Bench, Ended, Outcome
from tests.faults.means import NOBODY, as_if_on, become, on_cores
from tests.faults.miniature import Miniature
from tests.faults.other_places import ODD
from tests.faults.table import Row, read_rows, write_page

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the means are those of Linux")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Miniature:
    """Return a bench in a folder with spaces, umlauts and an emoji."""
    return Miniature(tmp_path_factory.mktemp("faults") / ODD, kills=2, seed=0)


def another_user(bench: Bench) -> Iterator[Outcome]:
    """Be nobody, in a clone that is root's and cannot be written to."""
    clone = bench.fresh()
    yield bench.judged("another user", "", clone, bench.run(clone, Around(prepare=functools.partial(become, NOBODY))))


def cores(bench: Bench) -> Iterator[Outcome]:
    """Be on one core, and as if on four."""
    first = min(os.sched_getaffinity(0))
    for prepare in (on_cores({first}), functools.partial(as_if_on, 4)):
        clone = bench.fresh()
        yield bench.judged("cores", "", clone, bench.run(clone, Around(prepare=prepare)))


def time_zone(bench: Bench) -> Iterator[Outcome]:
    """Be where another day is."""
    clone = bench.fresh()
    yield bench.judged("environment", "", clone, bench.run(clone, Around(environment=interpreters.SETTINGS[0])))


MINIATURES: dict[str, Callable[[Bench], Iterator[Outcome]]] = {
    "kill": kills.serial,
    "disk": full_disk.disks,
    "files": full_disk.files,
    "memory": memory_limit.addresses,
    "future": clock.files,
    "environment": time_zone,
    "cores": cores,
    "another user": another_user,
}


@pytest.mark.parametrize("kind", MINIATURES)
def test_a_fault_changes_no_byte(bench: Miniature, kind: str) -> None:
    """A run under a fault ends with the bytes of an undisturbed one, or with one line and then with these bytes."""
    if kind == "another user" and os.geteuid() != 0:
        pytest.skip("needs root")
    outcomes = list(MINIATURES[kind](bench))
    assert outcomes
    assert [outcome for outcome in outcomes if outcome.passed is False] == []


def test_a_path_changes_no_byte(bench: Miniature, tmp_path: Path) -> None:
    """A folder with spaces, umlauts and an emoji has the bytes of one without."""
    clone = bench.template.copy(tmp_path / "plain")
    assert bench.run(clone).status == 0
    assert bench.difference(clone) == ""


def test_a_failure_is_seen(bench: Miniature) -> None:
    """A byte that differs, a file that is missing, a traceback, and a failure without a line do not pass."""
    clone = bench.reference.copy(bench.folder / "failures" / "privprune")
    well, bug = Ended(0, ""), Ended(1, "Traceback (most recent call last):\nRuntimeError: a bug\nerror: a line\n")
    assert bench.judged("", "", clone, well).passed
    assert not bench.judged("", "", clone, bug).passed
    assert not bench.judged("", "", clone, Ended(1, "Killed\n")).passed
    record = next((clone.folder / "reports" / "faults" / "records").rglob("*.json"))
    written = record.read_bytes()
    record.write_bytes(written + b" ")
    assert not bench.judged("", "", clone, well).passed
    record.unlink()
    assert not bench.judged("", "", clone, well).passed
    record.write_bytes(written)
    assert bench.judged("", "", clone, Ended(1, "error: a line\n")).found == "status 1, `error: a line`; same bytes"


def test_the_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Rows of other kinds stay when some are tried again."""
    outcomes = [
        Outcome(kind, "done", "expected", f"a | b\n{passed}", passed) for kind, passed in (("x", True), ("y", None))
    ]
    rows = [Row.of(kind, outcome) for kind, outcome in zip(KINDS, outcomes, strict=False)]
    write_page(tmp_path / "page.md", rows)
    assert read_rows(tmp_path / "page.md") == rows
    assert "2 faults: 1 as they must, 0 not, 1 not tried." in (tmp_path / "page.md").read_text()
