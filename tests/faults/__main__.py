"""Try every fault, and print what came of it: `python -m tests.faults`, from the root of the checkout.

The table is written to `reports/reliability.md` after each fault. Kinds that are not named keep their rows.
"""

from __future__ import annotations

import argparse
import functools
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults import clock, full_disk, interpreters, kills, memory_limit, other_places, shared_cache, suite_reader
from tests.faults.bench import Bench, Outcome
from tests.faults.table import Row, read_rows, write_page

PAGE = Path("reports/reliability.md")
KINDS: dict[str, Callable[[Bench], Iterator[Outcome]]] = {
    "odd-path": other_places.odd_path,
    "home": other_places.home_and_temporary_folder,
    "user": other_places.another_user,
    "line-ends": other_places.line_ends,
    "environment": interpreters.environment,
    "cores": interpreters.cores,
    "python": interpreters.versions,
    "clock": clock.between,
    "future": clock.files,
    "cache": shared_cache.clones,
    "addresses": memory_limit.addresses,
    "oom": memory_limit.killed_by_the_system,
    "files": full_disk.files,
    "disk": full_disk.disks,
    "serial": kills.serial,
    "leader": kills.leader,
    "parallel": kills.side_by_side,
    "cluster": kills.worker,
    "reader": suite_reader.mutated,
}


def main(arguments: list[str]) -> int:
    """Try the named kinds of faults, or all; returns 1 where one did not end as it must."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"{', '.join(KINDS)}; without: all")
    parser.add_argument("--kills", type=int, default=50, help="of each kind of `kill -9`; default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of kills; default: %(default)s")
    parser.add_argument("--python", action="append", default=[], help="an interpreter to try too; may be repeated")
    parser.add_argument("--folder", help="for the clones; default: a temporary one")
    options = parser.parse_args(arguments)
    if unknown := [kind for kind in options.kinds if kind not in KINDS]:
        parser.error(f"found {', '.join(unknown)}, allowed {', '.join(KINDS)}")
    rows = read_rows(PAGE)
    with tempfile.TemporaryDirectory(prefix="faults-", dir=options.folder, ignore_cleanup_errors=True) as folder:
        bench = Bench(Path(folder), kills=options.kills, seed=options.seed)
        for kind in options.kinds or KINDS:
            try_kind = KINDS[kind]
            if kind == "python":
                try_kind = functools.partial(interpreters.versions, interpreters=tuple(options.python))
            new = [Row.of(kind, outcome) for outcome in _printed(try_kind(bench))]
            rows = [row for row in rows if row.kind != kind] + new
            write_page(PAGE, sorted(rows, key=lambda row: list(KINDS).index(row.kind)))
    return int(any(row.result == "no" for row in rows))


def _printed(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    for outcome in outcomes:
        state = {True: "ok", False: "FAILED", None: "not tried"}[outcome.passed]
        print(f"{state}: {outcome.fault}: {outcome.done}: {outcome.found}", flush=True)  # noqa: T201
        yield outcome


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
