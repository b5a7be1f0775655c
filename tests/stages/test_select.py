"""One printed table selected from the suite that measures it: all that its rows need, nothing else, a valid suite."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
import yaml
from dvc.utils.serialize import parse_yaml
from locations import CALIBRATION, PAPER

from privprune.errors import UserError
from privprune.published import load, names
from privprune.suite.check import check_suite
from privprune.yaml_file import load_yaml
from stages import select
from stages.select import selected

SUITE = load_yaml(PAPER)
MEASURED_BY = {name: file for file in (PAPER, CALIBRATION) for name in load_yaml(file)["evaluate"]}
TABLES = [(name, table.name) for name in names() for table in load(name).tables if not table.ours]


@pytest.mark.parametrize(("paper", "table"), TABLES)
def test_a_table_selects_all_that_its_rows_need_and_nothing_else(paper: str, table: str) -> None:
    """Each printed row is there; each cell is one of a row or an origin of one; each dataset has a cell."""
    file = MEASURED_BY[paper]
    found = selected(load_yaml(file), file.name, load(paper), table)
    printed = {row.key for one in load(paper).tables if one.name == table for row in one.rows}
    rows = found["evaluate"][paper]["rows"]
    averages = set(load(paper).averages)
    assert {key for key in printed if key[2] not in averages} <= {
        (r["dataset"], r["model"], r["defence"]) for r in rows
    }
    cells = {**found["train"], **found["prune"], **found["harden"]}
    origins = {entry["from"].removeprefix("models/") for entry in cells.values() if "from" in entry}
    judges = {entry["judge"] for entry in found["recognise"].values()}
    assert cells.keys() <= {row["cell"] for row in rows} | origins | judges
    assert {row["cell"] for row in rows} <= cells.keys()
    assert {origin for origin in origins if not origin.startswith("datasets/")} <= cells.keys()
    assert found["datasets"].keys() == {entry["data"] for entry in cells.values()}
    attacked = set() if paper == "opacus" else {row["cell"] for row in rows}  # Opacus prints accuracies, no attack
    assert {entry["target"] for entry in found["attack"].values()} == attacked


def test_table_6_has_four_cells() -> None:
    """Of MIA-Pruning, on CIFAR-10: the dense network, the game, and both pruned; the half splits are not printed."""
    found = selected(SUITE, "params/paper.yaml", load("mia_pruning"), "Table 6")
    assert list(found["datasets"]) == ["cifar10"]
    made = ["baseline", "mia_pruning", "mia_pruning-min_max", "min_max"]
    assert [*found["train"], *found["prune"], *found["harden"]] == [f"cifar10-vgg16-{name}" for name in made]
    assert found["attack"].keys() == {f"cifar10-vgg16-{name}" for name in made}
    assert found["deploy"] == found["recognise"] == {}
    assert found["train"]["cifar10-vgg16-baseline"] == SUITE["train"]["cifar10-vgg16-baseline"]


@pytest.mark.parametrize(
    ("paper", "table"), [("mia_pruning", "Table 6"), ("cem", "Table 9"), ("patrol", "Experiments")]
)
def test_a_selection_is_a_valid_suite(
    paper: str, table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file that is written is a valid suite, also for DVC, with unchanged numbers."""
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["select", str(PAPER), paper, table])
    select.main()
    assert "now `uv run dvc repro`" in capsys.readouterr().out
    text = (tmp_path / "params.yaml").read_text()
    found = load_yaml(tmp_path / "params.yaml")
    assert found == selected(SUITE, str(PAPER), load(paper), table) == parse_yaml(text, "params.yaml")
    assert check_suite(found, "params.yaml").name == "paper"
    assert yaml.safe_load(text)["suite"] == "paper"


def test_a_mistake_leaves_the_suite_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown table or paper, or a suite without the rows, ends in one line and status 1, and changes nothing."""
    (tmp_path / "params.yaml").write_text("mine")
    monkeypatch.chdir(tmp_path)
    for message, arguments in {
        "found table 'Table 7', allowed Table 1, ": (PAPER, "mia_pruning", "Table 7"),
        "found paper 'resnet', allowed ": (PAPER, "resnet", "Table 1"),
        "rows: found none of Table 6, allowed a suite": (PAPER.with_name("laptop.yaml"), "mia_pruning", "Table 6"),
    }.items():
        monkeypatch.setattr(sys, "argv", ["select", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            select.main()
        assert ended.value.code == 1
        assert message in capsys.readouterr().err
    broken = tmp_path / "broken.yaml"
    broken.write_text(PAPER.read_text(encoding="utf-8").replace("\ndeploy:", "\ndeployed:"), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["select", str(broken), "mia_pruning", "Table 6"])
    with pytest.raises(SystemExit) as ended:
        select.main()
    assert ended.value.code == 1
    assert "deployed: unknown section" in capsys.readouterr().err
    assert (tmp_path / "params.yaml").read_text() == "mine"
    with pytest.raises(UserError, match=r"evaluate\.cem does not exist"):
        selected({**SUITE, "evaluate": {}}, "params.yaml", load("cem"), "Table 1")
