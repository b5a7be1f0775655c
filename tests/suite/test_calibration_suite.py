"""The calibration suite: valid, and with a cell for every number that it calibrates by."""

from __future__ import annotations

from typing import Any

import pytest
from locations import ROOT

from privprune.published import load
from privprune.suite.check import check_suite
from privprune.yaml_file import load_yaml

SUITE: dict[str, Any] = load_yaml(ROOT / "params/calibration.yaml")


def test_it_is_valid() -> None:
    """No mistake is found in it."""
    assert check_suite(SUITE, "params/calibration.yaml").name == "calibration"


@pytest.mark.parametrize("name", list(SUITE["evaluate"]))
def test_every_printed_row_has_a_cell(name: str) -> None:
    """Each row is measured, with the attacks that its numbers come from."""
    paper, rows = (
        load(name),
        {(row["dataset"], row["model"], row["defence"]): row for row in SUITE["evaluate"][name]["rows"]},
    )
    for printed in paper.rows:
        row = rows[printed.key]
        attacks = [entry for entry in SUITE["attack"].values() if entry["target"] == row["cell"]]
        labels = {label for entry in attacks for key in ("methods", "inversions") for label in entry.get(key, ())}
        for number in paper.numbers:
            if (number.dataset, number.model, number.method) == printed.key and number.attack:
                assert (row["attack"] or number.attack) in labels
