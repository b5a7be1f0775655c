"""What `dvc metrics` and `dvc plots` read: one file per cell, and points that the entries and templates name."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from example_records import SETTINGS, example_records
from locations import ROOT
from ruamel.yaml import YAML

from privprune.published import load
from privprune.report import write_for_dvc
from privprune.verdicts import evaluate, headline_numbers

ENTRIES = {
    next(iter(entry)): next(iter(entry.values()))
    for entry in YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the files of example records."""
    records = example_records()
    write_for_dvc(tmp_path, [evaluate(records, load("mia_pruning"), SETTINGS, "demo")], records)
    return tmp_path


def test_each_cell_has_one_level_of_numbers(folder: Path) -> None:
    """A cell's file has its utility and every attack's accuracy, AUC and rate, with the means of the evaluation."""
    evaluation = evaluate(example_records(), load("mia_pruning"), SETTINGS, "demo")
    expected = headline_numbers(evaluation.cells)
    assert expected
    for cell in evaluation.cells:
        found = json.loads((folder / "metrics_of_cells" / "mia_pruning" / f"{cell.cell}.json").read_text())
        assert found == expected[cell.cell]
        assert found["test_accuracy"] == pytest.approx(cell.numbers["test_accuracy"].mean, rel=1e-5)
        for attack, result in cell.attacks.items():
            for measure in ("balanced_accuracy", "auc", "tpr_at_1_percent_fpr"):
                assert found[f"{attack}_{measure}"] == pytest.approx(result.measures[measure].mean, rel=1e-5)


@pytest.mark.parametrize("place", ENTRIES)
def test_plots_name_what_is_there(place: str, folder: Path) -> None:
    """Each plot's template is in the repository and uses DVC's data; its axes are fields of the points."""
    entry = ENTRIES[place]
    template = (ROOT / ".dvc" / "plots" / f"{entry['template']}.json").read_text(encoding="utf-8")
    assert "<DVC_METRIC_DATA>" in template
    for file in (folder / "curves" / Path(place).name).glob("*.json"):
        points = json.loads(file.read_text())
        fields = set(re.findall(r'"field": "(\w+)"', template)) - {"rev"}
        assert points
        assert all({entry["x"], entry["y"], *fields} <= point.keys() for point in points)


def test_kinds_without_points_have_no_file(folder: Path) -> None:
    """Cells that no attack inverted leave no plot of inversions; the other kinds are there."""
    assert {path.parent.name for path in (folder / "curves").rglob("*.json")} == {"membership", "roc", "training"}
