"""What a dry run prints: what would run, its cost by earlier times and estimates, the data and machine it needs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from locations import PAPER, TINY

from privprune.datasets.sources import DataFolders
from privprune.files import write_json
from privprune.yaml_file import load_yaml
from stages.runner import plan as run_plan
from stages.runner.dry_run import Costs, data_needed, describe, machine_needed
from stages.runner.plan import RunPlan

SUITE = load_yaml(PAPER)
DEPENDENCIES = {
    "check": frozenset[str](),
    "fetch@a": frozenset({"check"}),
    "train@a": frozenset({"fetch@a"}),
    "train@b": frozenset({"fetch@a"}),
    "evaluate": frozenset({"train@a", "train@b"}),
}


def of_stages(*stages: str, changed: tuple[str, ...] | None = None, cached: tuple[str, ...] = ()) -> RunPlan:
    """Return a plan of stages without dependencies, all of them changed unless `changed` names some."""
    return RunPlan(
        dict.fromkeys(stages, frozenset()),
        frozenset(stages if changed is None else changed),
        frozenset(),
        {},
        cached=frozenset(cached),
    )


def test_the_plan_says_what_runs_and_what_it_costs(tmp_path: Path) -> None:
    """Earlier times are added and divided by the jobs, estimates are added separately, other stages are counted."""
    write_json(tmp_path / "demo" / "timings" / "paper" / "train" / "a.json", {"seconds": 30.0})
    before = run_plan.seconds_before(list(DEPENDENCIES), "demo", tmp_path)
    assert before == {"train@a": 30.0}
    run = RunPlan(DEPENDENCIES, frozenset({"train@a", "train@b"}), frozenset({"evaluate"}), {})
    assert run.pending == {
        "train@a": frozenset(),
        "train@b": frozenset(),
        "evaluate": frozenset({"train@a", "train@b"}),
    }
    lines = describe(run, Costs(before, {"train@b": 7200.0}, ["laptop on a CPU with 2 cores"]), 2)
    assert [line.split(maxsplit=1) for line in lines[:3]] == [
        ["train@a", "runs                  30 s"],
        ["train@b", "runs                  about 2 h 0 min (estimate)"],
        ["evaluate", "if its inputs change  no earlier time"],
    ]
    assert lines[3] == "3 of 5 stages: 2 train, 1 evaluate"
    assert lines[4] == "cost: 1 stages took 30 s before, about 15 s with 2 at once"
    assert lines[5] == (
        "cost: 1 stages about 2 h 0 min (estimate by epochs, records and networks of similar stages of laptop on a CPU "
        "with 2 cores)"
    )
    assert lines[6] == "cost: 1 stages have no earlier time and no comparable stage, so they have no estimate"
    assert len(lines) == 7


def test_local_stages_are_not_distributed() -> None:
    """What depends on `track`, whose database stays in its clone, runs in the head's clone, all else anywhere."""
    dependencies = {**DEPENDENCIES, "track": frozenset({"evaluate"}), "after": frozenset({"track"})}
    run = RunPlan(
        dependencies, frozenset({"train@a"}), frozenset({"evaluate", "track", "after"}), {}, frozenset({"track"})
    )
    assert run.distributable == {"train@a": frozenset(), "evaluate": frozenset({"train@a"})}


def test_nothing_to_do_costs_nothing() -> None:
    """Where all stages are up to date, one line says so."""
    run = of_stages("check", "train@a", changed=())
    assert describe(run, Costs({"train@a": 30.0}, {}, []), 2) == ["0 of 2 stages"]


def test_the_paper_suite_says_what_it_needs(tmp_path: Path) -> None:
    """Of each dataset where to put it, of published weights where they come from; if all is there, where it is."""
    stages = [f"fetch@{name}" for name in SUITE["datasets"]]
    stages += [f"train@{cell}" for cell in SUITE["train"]]
    nothing = data_needed(of_stages(*stages), SUITE, DataFolders(None, tmp_path / "downloads"))
    missing = {line.split()[1].rstrip(",:") for line in nothing if "MISSING" in line}
    assert missing == {
        *("imagenet", "facescrub", "veri776", "veri-wild-small", "veri-wild-medium", "veri-wild-large"),
        *("mobilenet_v2-b0353104.pth", "resnet18-f37072fd.pth"),
    }
    assert len(nothing) == len(SUITE["datasets"]) + 2
    assert all("PRIVPRUNE_DATA, which is not set" in line for line in nothing)
    for entry in ("imagenet", "facescrub", "VeRi", "VERI-Wild", "MNIST/raw", "tiny-imagenet-200", "weights"):
        (tmp_path / entry).mkdir(parents=True)
    for file in (
        "cifar-10-python.tar.gz",
        "cifar-100-python.tar.gz",
        *(f"weights/{one}" for one in missing if ".pth" in one),
    ):
        (tmp_path / file).touch()
    lines = data_needed(of_stages(*stages), SUITE, DataFolders(tmp_path, tmp_path / "downloads"))
    assert all(f"found, {tmp_path}/" in line for line in lines)


def test_present_data_are_reported_as_ready(tmp_path: Path) -> None:
    """A dataset fetched before, one in the cache, one that no target needs, and the number of stages on each."""
    suite = yaml.safe_load(TINY.read_text())
    folders = DataFolders(tmp_path / "none", tmp_path)
    fetched = of_stages("fetch@digits", "train@base", "attack@base", "train@cut", changed=("train@base", "attack@base"))
    assert data_needed(fetched, suite, folders) == ["data: digits, for 2 stages: ready, fetched before"]
    cached = of_stages("fetch@digits", cached=("fetch@digits",))
    assert data_needed(cached, suite, folders) == ["data: digits, for 0 stages: ready, in the cache"]
    assert (
        "fetch@digits                                         is in the cache"
        in describe(cached, Costs({}, {}, []), 1)[0]
    )
    assert data_needed(of_stages("train@base"), suite, folders) == []


def test_the_machine_is_compared_with_the_requirements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too few GPUs are reported; without requirements nothing is printed."""
    monkeypatch.setattr("stages.runner.resources.gpus", lambda: ["0"])
    assert machine_needed({}, "found") == []
    assert machine_needed({"train@a": {"gpu": 1}}, "cuda") == ["machine: has what 1 stages ask for in dvc.yaml"]
    (line,) = machine_needed({"train@a": {"gpu": 1}, "train@b": {"gpu": 2}}, "cpu")
    assert line == "machine: MISSING: dvc.yaml: train@b.meta: found gpu: 2, more than this machine has, 1"
    monkeypatch.setattr("stages.runner.resources.gpus", list)
    (line,) = machine_needed({}, "cuda")
    assert line == "machine: MISSING: params.yaml: device: found cuda, allowed cpu or found, as torch finds no GPU here"
