"""Peak memory of the demo's stages: the entry of each stage that took longest is run again in a copy."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.commands import last_line, run
from benchmarks.nothing_to_do import why_unfinished
from benchmarks.result import Result

NAME = "memory"
AIM = 4096.0
MEASURE = "peak memory of the demo's largest stage"
WITHOUT = ("track",)  # writes to the user's tracking store, and computes nothing


@dataclass(frozen=True)
class Size:
    """Size of the measurement: a checkout in which the demo is complete, and the stages; None for all."""

    folder: Path
    stages: tuple[str, ...] | None


FULL = Size(Path(), None)
QUICK = Size(Path(), ("fetch", "train"))


def measure(size: Size) -> list[Result]:
    """Run the stages one after another, and return the largest peak."""
    if unfinished := why_unfinished(size.folder):
        return [Result(NAME, MEASURE, None, "MiB", AIM, "lower", unfinished)]
    peaks: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary)
        copy_checkout(size.folder.resolve(), copy)
        for stage, command in commands(copy):
            if stage in WITHOUT or (size.stages is not None and stage not in size.stages):
                continue
            finished = run(command, copy, sampled=True)
            if finished.status:
                why = f"{' '.join(command)} failed: {last_line(finished.output)}"
                return [Result(NAME, MEASURE, None, "MiB", AIM, "lower", why)]
            peaks[" ".join(command[2:])] = finished.peak
    note = ", ".join(f"{name} {peak:,.0f}" for name, peak in sorted(peaks.items(), key=lambda one: -one[1]))
    return [
        Result(NAME, MEASURE, max(peaks.values()), "MiB", AIM, "lower", f"MiB with all processes of a stage: {note}")
    ]


def copy_checkout(folder: Path, copy: Path) -> None:
    """Copy the folders that stages write to, and link what they only read."""
    for name in ("privprune", "stages", "params.yaml", "dvc.yaml", "pyproject.toml"):
        (copy / name).symlink_to(folder / name)
    for name in ("data", "reports"):
        shutil.copytree(folder / name, copy / name)


def commands(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each stage of `dvc.yaml` with the command of its longest entry, or of the first without timings."""
    suite = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))
    stages = yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for stage, described in stages.items():
        if "foreach" not in described:
            yield stage, described["cmd"].replace("${suite}", suite["suite"]).split()
        elif entries := suite[described["foreach"].strip("${}")]:
            longest = max(entries, key=lambda entry: seconds_taken(folder, suite["suite"], stage, entry))
            yield stage, described["do"]["cmd"].replace("${key}", longest).split()


def seconds_taken(folder: Path, suite: str, stage: str, entry: str) -> float:
    """Return the recorded seconds of an entry; 0 if there are none."""
    for file in (folder / "reports" / suite / "timings").glob(f"*/{stage}/{entry}.json"):
        return float(json.loads(file.read_text(encoding="utf-8"))["seconds"])
    return 0.0
