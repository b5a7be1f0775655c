"""Prune and retrain the networks of one cell: `python -m stages.prune CELL`."""

from __future__ import annotations

from pathlib import Path

from privprune.cells import load_cell
from privprune.workflow.context import open_context
from privprune.workflow.prune import PruneEntry, prune_cell
from privprune.workflow.record import RecordLocation, write_cell_record
from stages.harness.checkpointing import checkpointed
from stages.harness.compute_stage import DATA, PARAMS, REPORTS, as_user_error, device, entry, run, streamed


def main(name: str) -> Path:
    """Read `prune.<name>` and the cell that it starts from, write `data/models/<name>` and the record."""
    suite, settings, written = entry(PruneEntry, "prune", name)
    context = open_context(DATA / "datasets" / settings.data, device())
    start = load_cell(DATA / settings.origin)
    location = RecordLocation(REPORTS, suite, "prune", name, written, origin=settings.origin)
    with checkpointed(location, context) as checkpoints:
        with as_user_error(f"{PARAMS}: prune.{name}"), streamed(suite, settings.paper, "prune", name):
            pruned = prune_cell(settings, context, start, name, checkpoints)
        pruned.cell.save(DATA / "models" / name)
        return write_cell_record(location, context, pruned.cell, pruned.outcome, pruned.search, settings)


if __name__ == "__main__":
    run(main)
