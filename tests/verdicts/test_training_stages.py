"""Which training made a cell's networks what they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_records import example_records
from fair_examples import LOWER, claim, evaluated
from verdict_records import cell_records

from privprune.defences import DEFENCES
from privprune.records import MAKING, Record
from privprune.verdicts.training_stages import ANEW, epochs_apart, last_training, training_stages

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


def with_entry(records: list[Record], **parameters: object) -> list[Record]:
    """Return the records of a cell, whose first one has these settings in its entry."""
    return [replace(records[0], parameters=parameters), *records[1:]]


def test_the_defences_that_train_new_weights_are_known() -> None:
    """They are those that declare to start anew although their entry names a cell."""
    assert {name for name, method in DEFENCES.items() if "trained_start" in method.needs} == set(ANEW)


@pytest.mark.parametrize("name", [*ANEW, "dense"])
def test_weights_that_are_drawn_anew_have_no_earlier_epochs(name: str) -> None:
    """Of a pruned cell only its widths, or its accuracy, are taken: of 20, 36 and 50 epochs the last alone count."""
    made = cell_records("start")
    made += cell_records("pruned", origin="models/start", stage="prune", epochs=36)
    made += with_entry(
        cell_records("control", origin="models/pruned", stage="harden", epochs=50), defence={"name": name}
    )
    found = training_stages(made)["control"]
    assert found is not None
    assert [stage.epochs for stage in found] == ([50] if name in ANEW else [20, 36, 50])


def test_a_phase_that_is_undone_does_not_count() -> None:
    """Random channels learn their widths in it and go back to the weights before: 36 epochs, as the masks' 16 + 20."""
    phases = [{"name": "mask", "epochs": 16}, {"name": "retrain", "epochs": 36}]
    made = cell_records("start")
    for name, rest in (("soft_mask", 20), ("random_channels", 36)):
        (record,) = with_entry(cell_records(name, origin="models/start", stage="prune"), method={"name": name})
        made.append(replace(record, phases=[phases[0], {**phases[1], "epochs": rest}]))
    stages = training_stages(made)
    masks, control = stages["soft_mask"], stages["random_channels"]
    assert masks is not None
    assert control is not None
    assert epochs_apart(masks, control) == (36, 36)


def test_a_network_from_scratch_is_a_fair_control_of_the_one_whose_widths_it_has() -> None:
    """Pruned in 10 epochs after 20, against 30 from new weights: the check of equal epochs passes."""
    records = cell_records("base", attacks={"nasr": [0.7] * 3})
    records += cell_records("pruned", attacks={"nasr": LOWER[1]}, origin="models/base", epochs=10)
    scratch = cell_records("scratch", attacks={"nasr": LOWER[0]}, origin="models/pruned", stage="harden", epochs=30)
    records += with_entry(scratch, defence={"name": "from_scratch"})
    found = evaluated(records, mia_pruning="pruned", dense_same_epochs="scratch")
    assert claim(found, "lower_than_dense_same_epochs").finding == "supported"
