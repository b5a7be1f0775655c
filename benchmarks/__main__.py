"""Run benchmarks by name: `python -m benchmarks [NAME ...] [--quick]`, from the root of the checkout."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from benchmarks.writing import as_markdown, as_rows, conditions, write

BENCHMARKS = {  # name -> its module, imported only to be run
    "training": "training_speed",
    "shadows": "shadow_models",
    "cem-loss": "cem_loss",
    "cem-step": "cem_step",
    "lipschitz-step": "lipschitz_step",
    "decoder": "decoder_attack",
    "samia": "samia",
    "lmmse": "lmmse",
    "peak": "matrix_peak",
    "reidentification": "reidentification",
    "intervals": "intervals",
    "growth": "growth",
    "scheduling": "scheduling",
    "edge-speed": "edge_speed",
    "split-service": "split_service",
    "nothing-to-do": "nothing_to_do",
    "memory": "memory",
    "tests": "own_tests",
    "demo": "demo",
}
ONLY_WHEN_ASKED_FOR = ("demo",)


def main(arguments: list[str]) -> None:
    """Run the named benchmarks, or all but the long ones, and print and write their rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}; without: all but demo")
    parser.add_argument("--all", action="store_true", help="the long ones too")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that they run; writes nothing")
    parser.add_argument("--redraw", action="store_true", help="measure nothing, write table and figures again")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"found {', '.join(unknown)}, allowed {', '.join(BENCHMARKS)}")
    if not Path("dvc.yaml").is_file():
        parser.error(f"found no dvc.yaml in {Path.cwd()}, run it from the root of the checkout")
    if options.redraw:
        write([], Path("reports"))
        return
    usual = [name for name in BENCHMARKS if options.all or name not in ONLY_WHEN_ASKED_FOR]
    rows = []
    for name in options.names or usual:
        measured_under = conditions()
        print(f"{name} ...", file=sys.stderr, flush=True)
        benchmark = importlib.import_module(f"benchmarks.{BENCHMARKS[name]}")
        rows += as_rows(benchmark.measure(benchmark.QUICK if options.quick else benchmark.FULL), measured_under)
        if not options.quick:
            write(rows, Path("reports"))  # after each, so that an interrupted run keeps what it has
    print(as_markdown(rows))


if __name__ == "__main__":
    main(sys.argv[1:])
