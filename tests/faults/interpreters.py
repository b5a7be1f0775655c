"""Other versions of Python with warnings as errors; one core and four; other language, time zone and hash seed."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.faults.bench import RESULTS, Around, Bench, Outcome
from tests.faults.means import on_cores
from tests.support.clones import ROOT, Clone

SETTINGS = (
    {"LC_ALL": "C", "LANG": "C", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "1", "PYTHONUTF8": "0"},
    {"LC_ALL": "POSIX", "LANG": "", "TZ": "America/St_Johns", "PYTHONHASHSEED": "4242"},
    {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8", "TZ": "", "PYTHONHASHSEED": "random"},
)
# Warnings of libraries about themselves: pygtrie's, which DVC uses, and SQLAlchemy's, which MLflow uses.
WARNINGS = "error,ignore:_NoneStep.value,ignore:The ``noload`` loader strategy"
FOUR_CORES = ROOT / "tests" / "faults" / "four_cores"  # its sitecustomize says that there are four


def versions(bench: Bench, interpreters: tuple[str, ...] = ()) -> Iterator[Outcome]:
    """Run with other interpreters, whose environments have the same packages; warnings are errors in all processes."""
    wanted = {"3.12", "3.13"}
    for interpreter in interpreters:
        version = _version(interpreter)
        wanted -= {version.rpartition(".")[0]}
        yield _with(bench, interpreter, version)
    for missing in sorted(wanted):
        yield Outcome(f"Python {missing}", "warnings as errors", "", "not at hand: no environment given", passed=None)


def _version(interpreter: str) -> str:
    asked = [interpreter, "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


def _with(bench: Bench, interpreter: str, version: str) -> Outcome:
    clone = bench.fresh()
    path = f"{Path(interpreter).parent}{os.pathsep}{os.environ['PATH']}"
    ended = bench.run(clone, Around(environment={"PATH": path, "PYTHONWARNINGS": WARNINGS}, python=(interpreter,)))
    expected = "no warning, and the same bytes but for the version in records and the fingerprints of code"
    fault, done = f"Python {version}", "warnings as errors, but for two of libraries about themselves"
    different = _difference(bench.reference, clone) if ended.status == 0 else bench.told(ended, clone)
    bench.remove(clone)
    return Outcome(fault, done, expected, different or "same bytes", passed=not different)


def _difference(one: Clone, other: Clone) -> str:
    """Say in which files two clones differ but for what names the version of Python.

    That are records, the digests of records in `data/tracked`, and the fingerprints in `data/code`: those are of syntax
    trees, which each version of Python writes as text in its own way.
    """
    paths = [path for path in one.contents(*RESULTS) if not path.startswith(("data/tracked/", "data/code/"))]
    different = [path for path in paths if _plain(one.folder / path) != _plain(other.folder / path)]
    return f"{len(different)} of {len(paths)} files differ: {different[0]}" if different else ""


def _plain(path: Path) -> object:
    if not path.exists():
        return None
    if path.suffix == ".json":
        content = json.loads(path.read_text(encoding="utf-8"))
        return (
            {key: value for key, value in content.items() if key != "versions"}
            if isinstance(content, dict)
            else content
        )
    return path.read_bytes()


def cores(bench: Bench) -> Iterator[Outcome]:
    """Run on one core and on four, or on as many processes as for four where there are fewer."""
    there = sorted(os.sched_getaffinity(0))
    stand_in = {"PYTHONPATH": str(FOUR_CORES)}
    four = Around(prepare=on_cores({*there[:4]})) if len(there) >= 4 else Around(environment=stand_in)
    said = "on four cores" if len(there) >= 4 else f"as if on four cores (four processes, on {len(there)})"
    for done, around in (("on one core", Around(prepare=on_cores({there[0]}))), (said, four)):
        clone = bench.fresh()
        yield bench.judged("cores", done, clone, bench.run(clone, around))
        bench.remove(clone)


def environment(bench: Bench) -> Iterator[Outcome]:
    """Run with another language, time zone and seed of hashes."""
    for variables in SETTINGS:
        clone = bench.fresh()
        done = " ".join(f"{name}={value}" for name, value in variables.items())
        yield bench.judged("environment", f"`{done}`", clone, bench.run(clone, Around(environment=variables)))
        bench.remove(clone)
