"""Train the networks of one cell with a defence: `python -m stages.harden CELL`."""

from __future__ import annotations

from pathlib import Path

from privprune.cells import load_cell
from privprune.workflow.record import Place, write_cell_record
from privprune.workflow.train import HardenEntry, harden_cell
from privprune.workflow.world import open_world
from stages.keeping import kept
from stages.stage import DATA, PARAMS, REPORTS, device, entry, run, streamed, told


def main(name: str) -> Path:
    """Read `harden.<name>` and what it starts from, write `data/models/<name>` and the record."""
    suite, settings, written = entry(HardenEntry, "harden", name)
    world = open_world(DATA / "datasets" / settings.data, device())
    start = load_cell(DATA / settings.origin) if settings.network is None else None
    place = Place(REPORTS, suite, "harden", name, written, origin=settings.origin)
    with kept(place, world) as lasting:
        with told(f"{PARAMS}: harden.{name}"), streamed(suite, settings.paper, "harden", name):
            cell, outcome = harden_cell(settings, lasting, start, name)
        cell.save(DATA / "models" / name)
        return write_cell_record(place, world, cell, outcome, search=[])


if __name__ == "__main__":
    run(main)
