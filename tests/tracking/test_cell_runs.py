"""Runs of cells: what they contain, what is nested below them, and the question that they answer."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from attacked_records import selected
from example_records import CELLS, SETTINGS, example_records
from locations import ROOT

from privprune.files import write_json
from privprune.published import load
from privprune.records import Record
from privprune.tracking import fill, local_store
from privprune.tracking.from_cells import runs_of_cells
from privprune.tracking.store import Store
from privprune.verdicts import Evaluation, evaluate, headline_numbers

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

SELECTED = {"nasr": 0.52, "lira_online_fixed": 0.56}  # scores on selection records: the second is the stronger


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """Return an evaluation in which the strongest attack can be chosen."""
    return evaluate(_records(), load("mia_pruning"), SETTINGS, "demo")


def _records() -> list[Record]:
    return selected(example_records(), SELECTED, "balanced_accuracy")


def test_a_cell_has_everything_about_it(evaluation: Evaluation) -> None:
    """Its headline numbers, the settings of network and attacks, its role and each check are in one run."""
    runs = {run.cell: run for run in runs_of_cells(_records(), {"mia_pruning": evaluation})}
    assert runs.keys() == CELLS.keys()
    run = runs["digits-mia_pruning"]
    values = {point.name: point.value for point in run.points}
    assert headline_numbers(evaluation.cells)["digits-mia_pruning"].items() <= values.items()
    assert {name.split("/")[1] for name in values if name.startswith("check/")} >= {"network", "pruning", "nasr"}
    assert run.parameters["attack.nasr.attack"] == "nasr"
    assert (run.name, run.kind, run.tags["role"]) == ("digits-mia_pruning", "cell", "mia_pruning")


def test_the_strongest_attack_is_chosen_on_selection_records(evaluation: Evaluation) -> None:
    """It is the one with the higher score there, whatever the scores that are reported."""
    for cell, numbers in headline_numbers(evaluation.cells).items():
        assert numbers["strongest_balanced_accuracy"] == numbers["lira_online_fixed_balanced_accuracy"], cell


def test_the_best_cell_is_no_points_below_itself(evaluation: Evaluation) -> None:
    """Points below the best utility are 0 for the best cell, and the difference of utilities for any other."""
    numbers = headline_numbers(evaluation.cells)
    best = max(one["test_accuracy"] for one in numbers.values())
    for one in numbers.values():
        assert one["points_below_best"] == pytest.approx(best - one["test_accuracy"], abs=1e-3)


def test_methods_of_a_cell_are_named() -> None:
    """Pruning, defence, what it is added to and the wire are named in this order, a plain wire is not."""
    entry = {
        "method": {"name": "admm"},
        "defence": {"name": "cem", "base": {"name": "patrol", "base": None}},
        "network": {"cut": {"wire": {"name": "gaussian"}}},
    }
    (made,) = [record for record in example_records() if record.cell == "digits-dp" and record.stage == "harden"]
    for parameters, expected in (
        (entry, "admm + cem + patrol + gaussian"),
        ({"method": None, "network": None}, "none"),
    ):
        (run,) = runs_of_cells([replace(made, parameters=parameters)], {})
        assert run.parameters["methods"] == expected


def test_the_question_of_the_documents_is_one_search(
    evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The filter and the example in docs/suites.md, sorted as they say, find the cells that a search by hand finds.

    Every run of a stage is nested below the run of its cell, also after the cell's numbers have changed.
    """
    suite = tmp_path / "reports" / "demo"
    few = ("digits-baseline", "digits-mia_pruning", "digits-dp", "digits-2x")
    evaluation = replace(evaluation, cells=tuple(cell for cell in evaluation.cells if cell.cell in few))
    for record in _records():
        if record.cell in few:
            record.write(tmp_path / "reports")
    write_json(suite / "evaluations" / "mia_pruning.json", evaluation.to_json())
    filled = fill(suite / "records", local_store(tmp_path), tmp_path)

    client = Store(local_store(tmp_path))._client
    text = (ROOT / "docs" / "suites.md").read_text(encoding="utf-8")
    (condition,) = re.findall(r"^(tags\.kind = .*)$", text, re.MULTILINE)
    condition = condition.replace("'tiles'", "'digits'")
    order = ["metrics.strongest_balanced_accuracy ASC"]
    found = [run.info.run_name for run in client.search_runs([filled.experiment], condition, order_by=order)]
    numbers = headline_numbers(evaluation.cells)
    near = [cell for cell, one in numbers.items() if one["points_below_best"] <= 1]
    assert found == sorted(near, key=lambda cell: numbers[cell]["strongest_balanced_accuracy"])

    (code,) = re.findall(r"<!-- example: search -->\n```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code.replace("'tiles'", "'digits'"), names)  # noqa: S102 (our own page)
    names["mlflow"].set_tracking_uri("")  # forgets the address that the example set
    assert list(names["runs"]["tags.mlflow.runName"]) == found

    changed = replace(evaluation, cells=evaluation.cells[:-1])
    write_json(suite / "evaluations" / "mia_pruning.json", changed.to_json())
    fill(suite / "records", local_store(tmp_path), tmp_path)
    runs = client.search_runs([filled.experiment], "tags.`privprune.current` = 'true'")
    cells = {run.info.run_id: run.data.tags["cell"] for run in runs if run.data.tags["kind"] == "cell"}
    stages = [run for run in runs if run.data.tags["kind"] == "stage"]
    assert len(stages) == 2 * len(few)
    assert all(cells[run.data.tags["mlflow.parentRunId"]] == run.data.tags["cell"] for run in stages)
