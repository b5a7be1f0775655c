"""Prune and retrain the networks of one cell: `python -m stages.prune CELL`."""

from __future__ import annotations

from pathlib import Path

from privprune.cells import load_cell
from privprune.workflow.prune import PruneEntry, prune_cell
from privprune.workflow.record import Place, write_cell_record
from privprune.workflow.world import open_world
from stages.keeping import kept
from stages.stage import DATA, PARAMS, REPORTS, device, entry, run, streamed, told


def main(name: str) -> Path:
    """Read `prune.<name>` and the cell that it starts from, write `data/models/<name>` and the record."""
    suite, settings, written = entry(PruneEntry, "prune", name)
    world = open_world(DATA / "datasets" / settings.data, device())
    start = load_cell(DATA / settings.origin)
    place = Place(REPORTS, suite, "prune", name, written, origin=settings.origin)
    with kept(place, world) as lasting:
        with told(f"{PARAMS}: prune.{name}"), streamed(suite, settings.paper, "prune", name):
            pruned = prune_cell(settings, lasting, start, name)
        pruned.cell.save(DATA / "models" / name)
        return write_cell_record(place, world, pruned.cell, pruned.outcome, pruned.search)


if __name__ == "__main__":
    run(main)
