"""Train the networks of one cell with a defence: `python -m stages.harden CELL`."""

from __future__ import annotations

from pathlib import Path

from privprune.cells import load_cell
from privprune.workflow.context import open_context
from privprune.workflow.record import RecordLocation, write_cell_record
from privprune.workflow.train import HardenEntry, harden_cell
from stages.harness.checkpointing import checkpointed
from stages.harness.compute_stage import DATA, PARAMS, REPORTS, as_user_error, device, entry, run, streamed


def main(name: str) -> Path:
    """Read `harden.<name>` and the dataset or cell that it starts from, write `data/models/<name>` and the record."""
    suite, settings, written = entry(HardenEntry, "harden", name)
    context = open_context(DATA / "datasets" / settings.data, device())
    start = load_cell(DATA / settings.origin) if settings.network is None else None
    location = RecordLocation(REPORTS, suite, "harden", name, written, origin=settings.origin)
    with checkpointed(location, context) as checkpoints:
        with as_user_error(f"{PARAMS}: harden.{name}"), streamed(suite, settings.paper, "harden", name):
            cell, outcome = harden_cell(settings, context, start, name, checkpoints)
        cell.save(DATA / "models" / name)
        return write_cell_record(location, context, cell, outcome, search=[], entry=settings)


if __name__ == "__main__":
    run(main)
