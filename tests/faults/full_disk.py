"""A full disk: below `data/`, `reports/`, `.dvc/cache`, the temporary folder, and the whole clone."""

from __future__ import annotations

import functools
import resource
from collections.abc import Iterator

from tests.faults.bench import TEMPORARY, WHOLE, Around, Bench, Outcome
from tests.faults.means import KIB, limited, small_disk, used

FAULT = "disk full"


def disks(bench: Bench) -> Iterator[Outcome]:
    """Fill a disk at each place, with several parts of the needed space free; the second run has enough."""
    for place in bench.places:
        for part in bench.sizes:
            yield _full(bench, place, part)


def _full(bench: Bench, place: str, part: float) -> Outcome:
    clone = bench.fresh()
    scratch = clone.folder.parent
    inside = {TEMPORARY: scratch / "temporary", WHOLE: clone.folder}.get(place, clone.folder / place)
    inside.mkdir(parents=True, exist_ok=True)
    free = int(part * (used(bench.reference.folder / ("data" if place in (TEMPORARY, WHOLE) else place))))
    temporary = {"TMPDIR": str(inside)} if place == TEMPORARY else {}
    try:
        with small_disk(inside, free, scratch / "disk") as disk:
            done = f"{place}: {disk.free // KIB} KiB free, on a disk of its own (tmpfs in a mount namespace)"
            around = Around(environment=temporary, prepare=functools.partial(disk.enter, clone.folder))
            ended = bench.run(clone, around)
            disk.grow()
            again = bench.finish(clone, around) if ended.status else ended
            disk.copy()
    except PermissionError as refused:
        return Outcome(FAULT, f"{place} on a disk of its own", "", f"not at hand: {refused}", passed=None)
    outcome = bench.judged(FAULT, done, clone, ended, again)
    bench.remove(clone)
    return outcome


def files(bench: Bench) -> Iterator[Outcome]:
    """Let no file be longer than a limit, which a write notices as it notices a full disk; needs no rights."""
    for limit in (1 * KIB, 40 * KIB):
        clone = bench.fresh()
        ended = bench.run(clone, Around(prepare=limited(resource.RLIMIT_FSIZE, limit)))
        yield bench.judged(FAULT, f"no file may be longer than {limit // KIB} KiB (RLIMIT_FSIZE)", clone, ended)
        bench.remove(clone)
