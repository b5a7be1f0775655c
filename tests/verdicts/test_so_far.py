"""Laws of reading a suite before it has ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from example_records import SETTINGS, example_records
from locations import ROOT

from privprune.errors import UserError
from privprune.published import load
from privprune.verdicts import evaluate, so_far

PAPER = load("mia_pruning")


def test_a_whole_suite_stays_whole() -> None:
    """Where all records are there, nothing is left out."""
    assert so_far(SETTINGS, example_records(), PAPER.threat) == SETTINGS


@pytest.mark.parametrize("stage", ["attack", "prune"])
def test_what_has_no_record_is_left_out_and_the_rest_is_the_same(stage: str) -> None:
    """Without one record of a cell, its row and its point of a curve go; every other number is as before."""
    records = [one for one in example_records() if (one.cell, one.stage) != ("digits-mia_pruning", stage)]
    with pytest.raises(UserError, match=r"no record of .*digits-mia_pruning"):
        evaluate(records, PAPER, SETTINGS, "demo")
    left = so_far(SETTINGS, records, PAPER.threat)
    assert [row.defence for row in left.rows] == ["baseline", "min_max", "mia_pruning+min_max", "dp"]
    assert left.controls == SETTINGS.controls
    assert left.curves[0].cells == ("digits-2x", "digits-4x", "digits-8x", "digits-32x")
    whole, part = (evaluate(of, PAPER, by, "demo") for of, by in ((example_records(), SETTINGS), (records, left)))
    for before, after in zip(whole.verdicts, part.verdicts, strict=True):
        pruned = before.cell is not None and "mia_pruning" in before.cell
        assert after == before or pruned


def test_curves_of_one_cell_are_left_out() -> None:
    """A curve needs two cells."""
    others = {"digits-2x", "digits-4x", "digits-8x", "digits-32x"}
    records = [one for one in example_records() if one.cell not in others]
    assert so_far(SETTINGS, records, PAPER.threat).curves == ()


def test_the_command_writes_a_page_of_the_cells_that_there_are(tmp_path: Path) -> None:
    """With two papers in the suite and records of one, the page is of that one; without records, one line says so."""
    command = [sys.executable, "-m", "stages.so_far"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "data").mkdir()
    folder = tmp_path / "reports" / "demo" / "records"
    folder.mkdir(parents=True)
    empty = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert (empty.returncode, empty.stderr.count("\n")) == (1, 1)
    assert "found no cell" in empty.stderr
    source = ROOT / "reports" / "demo" / "records" / "mia_pruning"
    for path in source.rglob("tiles-*.json"):
        if path.stem != "tiles-dp":
            copy = folder / "mia_pruning" / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.startswith("mia_pruning: 6 of 7 cells\n")
    page = (tmp_path / "reports" / "demo" / "index.html").read_text(encoding="utf-8")
    assert PAPER.title.replace("'", "&#39;") in page
    assert "Conditional Entropy Maximization" not in page
