"""The plan of a run: what runs, its cost from earlier times or cells alike, the data and the machine it still needs."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from locations import PAPER, TINY

from privprune.datasets.sources import Places
from privprune.files import write_json
from privprune.yaml_file import load_yaml
from stages.runner import plan as run_plan
from stages.runner.dry_run import Costs, data_needed, described, machine_needed
from stages.runner.estimate import estimated, work
from stages.runner.plan import RunPlan

PAPER = load_yaml(PAPER)
NEEDS = {
    "check": frozenset[str](),
    "fetch@a": frozenset({"check"}),
    "train@a": frozenset({"fetch@a"}),
    "train@b": frozenset({"fetch@a"}),
    "evaluate": frozenset({"train@a", "train@b"}),
}


def of_stages(*stages: str, changed: tuple[str, ...] | None = None, cached: tuple[str, ...] = ()) -> RunPlan:
    """Return a plan of stages without order, all of which have changed unless it is said which."""
    return RunPlan(
        dict.fromkeys(stages, frozenset()),
        frozenset(stages if changed is None else changed),
        frozenset(),
        {},
        cached=frozenset(cached),
    )


def test_the_plan_tells_what_runs_and_what_it_costs(tmp_path: Path) -> None:
    """Earlier times are added and divided by the jobs, estimates stand apart, and what is neither is counted."""
    write_json(tmp_path / "demo" / "timings" / "paper" / "train" / "a.json", {"seconds": 30.0})
    before = run_plan.seconds_before(list(NEEDS), "demo", tmp_path)
    assert before == {"train@a": 30.0}
    found = RunPlan(NEEDS, frozenset({"train@a", "train@b"}), frozenset({"evaluate"}), {})
    assert found.waiting == {
        "train@a": frozenset(),
        "train@b": frozenset(),
        "evaluate": frozenset({"train@a", "train@b"}),
    }
    lines = described(found, Costs(before, {"train@b": 7200.0}, ["laptop"]), 2)
    assert [line.split(maxsplit=1) for line in lines[:3]] == [
        ["train@a", "runs                  30 s"],
        ["train@b", "runs                  about 2 h 0 min (estimate)"],
        ["evaluate", "if its inputs change  no earlier time"],
    ]
    assert lines[3] == "3 of 5 stages: 2 train, 1 evaluate"
    assert lines[4] == "cost: 1 stages took 30 s before, about 15 s with 2 at once"
    assert lines[5].startswith("cost: 1 stages about 2 h 0 min (estimate for the machine on which laptop was measured")
    assert lines[6].startswith("cost: 1 stages have no earlier time")
    assert len(lines) == 7


def test_what_stays_where_it_was_made_is_made_here() -> None:
    """The database of `track`, and what were to wait for it, are left to the head; all else may run elsewhere."""
    needs = {**NEEDS, "track": frozenset({"evaluate"}), "behind": frozenset({"track"})}
    found = RunPlan(needs, frozenset({"train@a"}), frozenset({"evaluate", "track", "behind"}), {}, frozenset({"track"}))
    assert found.elsewhere == {"train@a": frozenset(), "evaluate": frozenset({"train@a"})}


def test_nothing_to_do_costs_nothing() -> None:
    """Where all is up to date one line says so."""
    found = of_stages("check", "train@a", changed=())
    assert described(found, Costs({"train@a": 30.0}, {}, []), 2) == ["0 of 2 stages"]


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """Write the miniature suite as another one, with times of three cells; returns the folder."""
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "tiny.yaml").write_text(TINY.read_text())
    for stage, cell, seconds in (("train", "base", 8.0), ("harden", "cut-cem", 5.0), ("prune", "pruned", 6.0)):
        write_json(tmp_path / "reports" / "tiny" / "timings" / "p" / stage / f"{cell}.json", {"seconds": seconds})
    return tmp_path


def longer(suite: dict[str, Any]) -> dict[str, Any]:
    """Return a suite with more of everything that costs: 240 records, 4 networks, 2 epochs become 720, 6, 10."""
    changed = copy.deepcopy(suite)
    changed["suite"] = "more"
    changed["datasets"]["digits"]["limit"] = 720
    changed["train"]["base"]["network"] = {**suite["train"]["base"]["network"], "seeds": [0, 1, 2, 3]}
    changed["train"]["base"]["plan"] = {**suite["train"]["base"]["plan"], "epochs": 10}
    changed["prune"]["pruned"]["method"]["rho_rounds"] = 3
    changed["harden"]["cut-cem"]["defence"]["base"]["name"] = "none"
    return changed


def test_an_estimate_grows_with_epochs_records_and_networks(measured: Path) -> None:
    """Of a cell like one measured elsewhere; where method, defence or its base is another one, nothing is said."""
    suite = longer(load_yaml(TINY))
    asked = ["train@base", "train@dense", "prune@pruned", "harden@cut-cem", "harden@game", "attack@base", "report"]
    seconds, sources = estimated(asked, suite, measured / "params", measured / "reports")
    assert sources == ["tiny"]
    assert seconds == {
        "train@base": pytest.approx(8.0 * 3 * (6 / 4) * (10 / 2)),
        "prune@pruned": pytest.approx(6.0 * 3 * (6 / 4) * (4 / 2)),  # three rounds and the retraining, of two epochs
    }


def test_a_suite_does_not_estimate_itself(measured: Path) -> None:
    """Its own cells have their own times; those without get none from it."""
    assert estimated(["train@base"], load_yaml(TINY), measured / "params", measured / "reports") == ({}, [])


def test_every_cell_of_the_paper_suite_has_its_work() -> None:
    """Epochs x records x networks are known of all but the cells whose sparsity is searched for."""
    cells = {
        f"{section}@{cell}": entry for section in ("train", "prune", "harden") for cell, entry in PAPER[section].items()
    }
    unknown = {stage for stage in cells if work(stage, PAPER) is None}
    assert unknown == {stage for stage, entry in cells.items() if entry.get("search") is not None}
    assert work("train@mnist-lenet5-baseline", PAPER) == (
        ("train", "lenet5", True, (1, 28), None, None, None),
        50 * 60_000 * 3,
    )


def test_a_broken_entry_has_no_work() -> None:
    """A suite's mistakes are told by `check`; here they cost nothing but the estimate."""
    for broken in ({}, {"train": {"a": None}}, {"train": {"a": {"from": "models/a", "data": "b"}}, "datasets": {}}):
        assert work("train@a", broken) is None


def test_the_paper_suite_says_what_it_needs(tmp_path: Path) -> None:
    """Of each data set, where to put it; of published weights, where they come from; with all in place, no word."""
    stages = [f"fetch@{name}" for name in PAPER["datasets"]]
    stages += [f"train@{cell}" for cell in PAPER["train"]]
    nothing = data_needed(of_stages(*stages), PAPER, Places(None, tmp_path / "downloads"))
    missing = {line.split()[1].rstrip(",:") for line in nothing if "MISSING" in line}
    assert missing == {
        *("imagenet", "facescrub", "veri776", "veri-wild-small", "veri-wild-medium", "veri-wild-large"),
        *("mobilenet_v2-b0353104.pth", "resnet18-f37072fd.pth"),
    }
    assert len(nothing) == len(PAPER["datasets"]) + 2
    assert all("PRIVPRUNE_DATA, which is not set" in line for line in nothing)
    for entry in ("imagenet", "facescrub", "VeRi", "VERI-Wild", "MNIST/raw", "tiny-imagenet-200", "checkpoints"):
        (tmp_path / entry).mkdir(parents=True)
    for file in (
        "cifar-10-python.tar.gz",
        "cifar-100-python.tar.gz",
        *(f"checkpoints/{one}" for one in missing if ".pth" in one),
    ):
        (tmp_path / file).touch()
    lines = data_needed(of_stages(*stages), PAPER, Places(tmp_path, tmp_path / "downloads"))
    assert all(f"found, {tmp_path}/" in line for line in lines)


def test_what_is_there_is_not_asked_for(tmp_path: Path) -> None:
    """A set fetched before, one in the cache, one that no target needs, and the stages that run on each."""
    suite = yaml.safe_load(TINY.read_text())
    places = Places(tmp_path / "none", tmp_path)
    fetched = of_stages("fetch@digits", "train@base", "attack@base", "train@cut", changed=("train@base", "attack@base"))
    assert data_needed(fetched, suite, places) == ["data: digits, for 2 stages: ready, fetched before"]
    cached = of_stages("fetch@digits", cached=("fetch@digits",))
    assert data_needed(cached, suite, places) == ["data: digits, for 0 stages: ready, in the cache"]
    assert (
        "fetch@digits                                         is in the cache"
        in described(cached, Costs({}, {}, []), 1)[0]
    )
    assert data_needed(of_stages("train@base"), suite, places) == []


def test_the_machine_is_held_against_what_stages_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too few GPUs are told, and where nothing is asked for nothing is said."""
    monkeypatch.setattr("stages.runner.resources.gpus", lambda: ["0"])
    assert machine_needed({}, "found") == []
    assert machine_needed({"train@a": {"gpu": 1}}, "cuda") == ["machine: has what 1 stages ask for in dvc.yaml"]
    (line,) = machine_needed({"train@a": {"gpu": 1}, "train@b": {"gpu": 2}}, "cpu")
    assert line == "machine: MISSING: dvc.yaml: train@b.meta: found gpu: 2, more than this machine has, 1"
    monkeypatch.setattr("stages.runner.resources.gpus", list)
    (line,) = machine_needed({}, "cuda")
    assert line == "machine: MISSING: params.yaml: device: found cuda, allowed cpu or found, as torch finds no GPU here"
