"""An estimate needs a comparable stage, measured on the same kind of device; without one nothing is said."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from locations import PAPER, TINY

from privprune.files import write_json
from privprune.yaml_file import load_yaml
from stages.runner import resources
from stages.runner.estimate import MAXIMUM_RATIO, estimate, work

SUITE = load_yaml(PAPER)
STAGES = [f"{section}@{cell}" for section in ("train", "prune", "harden") for cell in SUITE[section]]


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """Write the miniature suite with timings and records of three cells, as another suite; returns the folder."""
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "tiny.yaml").write_text(TINY.read_text())
    reports = tmp_path / "reports" / "tiny"
    for stage, cell, seconds in (("train", "base", 8.0), ("harden", "cut-cem", 5.0), ("prune", "pruned", 6.0)):
        write_json(reports / "timings" / "p" / stage / f"{cell}.json", {"seconds": seconds, "cores": 2})
        write_json(reports / "records" / "p" / stage / f"{cell}.json", {"device": "cpu"})
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


def estimated(
    folder: Path, suite: dict[str, Any], *stages: str, device: Callable[[], str] = lambda: "cpu"
) -> tuple[dict[str, float], list[str]]:
    """Estimate stages of a suite from what was measured in a folder."""
    return estimate(stages, suite, folder / "params", folder / "reports", device)


def test_an_estimate_grows_with_epochs_records_and_networks(measured: Path) -> None:
    """It is proportional to each; a stage with another method, defence or base of a defence has none."""
    stages = ["train@base", "train@dense", "prune@pruned", "harden@cut-cem", "harden@game", "attack@base", "report"]
    seconds, machines = estimated(measured, longer(load_yaml(TINY)), *stages)
    assert machines == ["tiny on a CPU with 2 cores"]
    assert seconds == {
        "train@base": pytest.approx(8.0 * 3 * (6 / 4) * (10 / 2)),
        "prune@pruned": pytest.approx(6.0 * 3 * (6 / 4) * (4 / 2)),  # three rounds and the retraining, of two epochs
    }


def test_a_suite_has_no_estimates_from_itself(measured: Path) -> None:
    """Its measured stages have their own times; the other ones get no estimate from them."""
    assert estimated(measured, load_yaml(TINY), "train@base") == ({}, [])


def test_another_kind_of_device_is_not_comparable(measured: Path) -> None:
    """What a CPU took says nothing about a GPU, nor does a timing without a record."""
    suite = longer(load_yaml(TINY))
    assert estimated(measured, suite, "train@base", device=lambda: "cuda") == ({}, [])
    record = measured / "reports" / "tiny" / "records" / "p" / "train" / "base.json"
    write_json(record, {"device": "cuda"})
    assert estimated(measured, suite, "train@base", device=lambda: "cuda")[1] == ["tiny on a GPU"]
    record.unlink()
    assert estimated(measured, suite, "train@base") == ({}, [])


@pytest.mark.parametrize(("factor", "comparable"), [(MAXIMUM_RATIO, True), (1.01 * MAXIMUM_RATIO, False)])
@pytest.mark.parametrize("more", [True, False])
def test_far_more_or_less_work_is_not_comparable(measured: Path, factor: float, comparable: bool, more: bool) -> None:
    """An estimate extrapolates by a factor of 100 at most, to more work and to less."""
    suite = {**load_yaml(TINY), "suite": "more"}
    suite["datasets"]["digits"]["limit"] = 240 * factor if more else 240 / factor
    assert bool(estimated(measured, suite, "train@base")[0]) is comparable


def test_the_device_is_looked_up_only_where_it_decides(measured: Path) -> None:
    """Without a measured stage of the same kind of training, nobody asks torch for a GPU."""
    nothing = estimated(measured, longer(load_yaml(TINY)), "harden@game", "report", device=lambda: pytest.fail("asked"))
    assert nothing == ({}, [])


@pytest.mark.parametrize(
    ("device", "gpus", "kind"),
    [("found", ["0"], "cuda"), ("found", [], "cpu"), ("cpu", ["0"], "cpu"), ("cuda", [], "cuda")],
)
def test_the_device_is_that_of_the_suite(
    monkeypatch: pytest.MonkeyPatch, device: str, gpus: list[str], kind: str
) -> None:
    """`found` is a GPU where there is one; the other values say it themselves."""
    monkeypatch.setattr(resources, "gpus", lambda: gpus)
    assert resources.device_kind(device) == kind


def test_every_cell_of_the_paper_suite_has_its_work() -> None:
    """Epochs x records x networks are known of all cells but those whose sparsity is searched for."""
    unknown = {stage for stage in STAGES if work(stage, SUITE) is None}
    entries = {stage: SUITE[stage.partition("@")[0]][stage.partition("@")[2]] for stage in STAGES}
    assert unknown == {stage for stage, entry in entries.items() if entry.get("search") is not None}
    assert work("train@mnist-lenet5-baseline", SUITE) == (
        ("train", "lenet5", True, (1, 28), None, None, None),
        50 * 60_000 * 3,
    )


def test_a_broken_entry_has_no_work() -> None:
    """`check` reports a suite's mistakes; here they only prevent the estimate."""
    for broken in ({}, {"train": {"a": None}}, {"train": {"a": {"from": "models/a", "data": "b"}}, "datasets": {}}):
        assert work("train@a", broken) is None
