"""Run benchmarks by name: `python -m benchmarks [NAME ...] [--quick]`, from the root of the checkout."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import ModuleType

from benchmarks import (
    cem_loss,
    cem_step,
    decoder_attack,
    demo,
    edge_speed,
    lipschitz_step,
    memory,
    nothing_to_do,
    own_tests,
    reidentification,
    shadow_models,
    training_speed,
)
from benchmarks.writing import as_markdown, as_rows, conditions, write

BENCHMARKS: dict[str, ModuleType] = {
    module.NAME: module
    for module in (
        training_speed,
        shadow_models,
        cem_loss,
        cem_step,
        lipschitz_step,
        decoder_attack,
        reidentification,
        edge_speed,
        nothing_to_do,
        memory,
        own_tests,
        demo,
    )
}
ONLY_WHEN_NAMED = ("demo",)


def main(arguments: list[str]) -> None:
    """Run the named benchmarks, or all but the long ones, and print and write their rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}; without: all but demo")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that they run; writes nothing")
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.names if name not in BENCHMARKS]:
        parser.error(f"found {', '.join(unknown)}, allowed {', '.join(BENCHMARKS)}")
    if not Path("dvc.yaml").is_file():
        parser.error(f"found no dvc.yaml in {Path.cwd()}, run it from the root of the checkout")
    rows = []
    for name in chosen.names or [name for name in BENCHMARKS if name not in ONLY_WHEN_NAMED]:
        told = conditions()
        print(f"{name} ...", file=sys.stderr, flush=True)
        size = BENCHMARKS[name].QUICK if chosen.quick else BENCHMARKS[name].FULL
        rows += as_rows(BENCHMARKS[name].measure(size), told)
        if not chosen.quick:
            write(rows, Path("reports"))  # after each, so that an interrupted run keeps what it has
    print(as_markdown(rows))


if __name__ == "__main__":
    main(sys.argv[1:])
