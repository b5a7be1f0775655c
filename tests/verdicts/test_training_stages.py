"""Which training made a cell's networks what they are."""

from __future__ import annotations

from dataclasses import replace

from example_records import example_records

from privprune.records import MAKING
from privprune.verdicts.training_stages import last_training

MADE = {record.cell: record for record in example_records() if record.stage in MAKING}


def test_a_copy_rests_on_the_training_that_it_copies() -> None:
    """Zero epochs, even twice in a row, change nothing; a training of its own does, and so does a cell from data."""
    dense = MADE["digits-dense"]
    copy = replace(dense, cell="copy", phases=[{"name": "train", "epochs": 0}], history={})
    again = replace(copy, cell="again", origin="models/copy")
    made = {**MADE, "copy": copy, "again": again}
    assert last_training(again, made) is last_training(copy, made) is MADE["digits-baseline"]
    assert last_training(dense, made) is dense
    assert last_training(MADE["digits-baseline"], made) is MADE["digits-baseline"]


def test_a_copy_without_a_recorded_origin_rests_on_nothing_else() -> None:
    """Its own record is judged, whose missing checks count as failed."""
    copy = replace(MADE["digits-dense"], phases=[{"name": "train", "epochs": 0}], history={})
    assert last_training(copy, {}) is copy
