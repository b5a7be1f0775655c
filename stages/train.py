"""Train the networks of one cell from scratch: `python -m stages.train CELL`."""

from __future__ import annotations

from pathlib import Path

from privprune.workflow.context import open_context
from privprune.workflow.record import RecordLocation, write_cell_record
from privprune.workflow.train import TrainEntry, train_cell
from stages.harness.checkpointing import checkpointed
from stages.harness.compute_stage import DATA, PARAMS, REPORTS, as_user_error, device, entry, run, streamed


def main(name: str) -> Path:
    """Read `train.<name>` and its dataset, write `data/models/<name>` and the record."""
    suite, settings, written = entry(TrainEntry, "train", name)
    context = open_context(DATA / "datasets" / settings.data, device())
    location = RecordLocation(REPORTS, suite, "train", name, written, origin=f"datasets/{settings.data}")
    with checkpointed(location, context) as checkpoints:
        with as_user_error(f"{PARAMS}: train.{name}"), streamed(suite, settings.paper, "train", name):
            cell, outcome = train_cell(settings, context, name, checkpoints)
        cell.save(DATA / "models" / name)
        return write_cell_record(location, context, cell, outcome, search=[], entry=settings)


if __name__ == "__main__":
    run(main)
