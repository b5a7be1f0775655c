"""Go through every stage in minutes, and check what came of it: `python -m tests.smoke`, from the root of the checkout.

Runs the miniature suite `tests/suites/tiny.yaml` in a clone of its own, in a temporary folder; the checkout stays as it
is. Its networks are trained for seconds, so that it tests whether everything works here, and no claim of a paper. What
is checked must come on every machine: counts and budgets exactly, learnt quantities within wide bounds.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.support.clones import ROOT, Clone

SUITE = ROOT / "tests" / "suites" / "tiny.yaml"


@dataclass(frozen=True)
class Expected:
    """A number that a smoke run must reach, and its bounds, both included."""

    what: str
    low: float
    high: float


EXPECTED = {
    "stages": Expected("kinds of stages of dvc.yaml that did not run", 0, 0),
    "left": Expected("share of weights left by ADMM at a ratio of 4", 0.25, 0.25),
    "epsilon": Expected("epsilon spent by DP-SGD, of a budget of 6.28", 5.9, 6.28),
    "accuracy": Expected("test accuracy of the largest network; guessing has 0.1", 0.3, 1.0),
    "membership": Expected("success of the attack `nasr` on the baseline; guessing has 0.5", 0.3, 0.9),
    "edge": Expected("share of the edge's parameters removed by PATROL's mask, at least the half asked for", 0.5, 0.55),
    "adaptive": Expected("error of the adaptive decoder; the mean image has about 0.07", 0.005, 0.3),
    "onnx": Expected("largest difference between exported halves and the network", 0.0, 1e-4),
    "judged": Expected("numbers judged although the data are stand-ins", 0, 0),
    "tables": Expected("papers whose tables, figures or page are missing", 0, 0),
}


def main() -> int:
    """Run, check and print; returns 1 where a check failed."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="smoke-") as folder:
        clone = Clone.fresh(Path(folder) / "privprune", SUITE)
        command = [sys.executable, "-m", "stages.parallel"]
        ended = subprocess.run(command, cwd=clone.folder, env=clone.environment({}), check=False)  # noqa: S603 (our own)
        if ended.returncode:
            print(f"smoke run: the stages ended with status {ended.returncode}")  # noqa: T201
            return 1
        lines = list(checked(numbers(clone.folder)))
    passed = sum(good for good, _ in lines)
    print("\n".join(f"{'passed' if good else 'FAILED'}: {line}" for good, line in lines))  # noqa: T201
    minutes = (time.monotonic() - began) / 60
    print(f"smoke run: {passed} of {len(lines)} checks passed, {minutes:.1f} minutes")  # noqa: T201
    return int(passed < len(lines))


def checked(found: Mapping[str, float]) -> Iterator[tuple[bool, str]]:
    """Yield for each check whether it passed, and a line about it."""
    for name, expected in EXPECTED.items():
        good = expected.low <= found[name] <= expected.high
        yield good, f"{expected.what}: {found[name]:.6g}, allowed {expected.low:g} to {expected.high:g}"


def numbers(folder: Path) -> dict[str, float]:
    """Read what is checked from the results of the suite in a clone."""
    reports = folder / "reports" / "tiny"
    paths = (reports / "records").glob("*/*/*.json")
    records = {f"{path.parent.name} {path.stem}": json.loads(path.read_text()) for path in paths}
    metrics = {name: record["metrics"] for name, record in records.items()}
    deployed = [each for name, each in metrics.items() if name.startswith("deploy ")]
    pruned, mask = metrics["prune pruned"], metrics["prune removed"]
    success = records["attack base"]["attacks"]["nasr"]["metrics"]["balanced_accuracy"]
    rebuilt = records["attack removed-inverted"]["attacks"]["adaptive_decoder"]["metrics"]["mse"]
    verdicts = csv.DictReader((reports / "verdicts.csv").read_text().splitlines())
    papers = yaml.safe_load(SUITE.read_text())["evaluate"]
    return {
        "stages": len(_kinds(folder / "dvc.yaml") - _kinds(folder / "dvc.lock")),
        "left": _mean(pruned["weights_left"]) / _mean(pruned["weights"]),
        "epsilon": _mean(metrics["harden private"]["epsilon"]),
        "accuracy": _mean(metrics["train dense"]["test_accuracy"]),
        "membership": _mean(success["values"]),
        "edge": _mean(mask["edge_removed"]),
        "adaptive": _mean(rebuilt["values"]),
        "onnx": max(each[name][0] for each in deployed for name in ("features_error", "outputs_error")),
        "judged": sum(row["verdict"] in ("reproduced", "not reproduced") for row in verdicts),
        "tables": sum(not _complete(reports, paper) for paper in papers),
    }


def _kinds(file: Path) -> set[str]:
    return {name.partition("@")[0] for name in yaml.safe_load(file.read_text())["stages"]}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _complete(reports: Path, paper: str) -> bool:
    folders = all(any((reports / kind / paper).iterdir()) for kind in ("tables", "figures"))
    return folders and "</html>" in (reports / "index.html").read_text()


if __name__ == "__main__":
    sys.exit(main())
