"""Train the networks of one cell from scratch: `python -m stages.train CELL`."""

from __future__ import annotations

from pathlib import Path

from privprune.workflow.record import Place, write_cell_record
from privprune.workflow.train import TrainEntry, train_cell
from privprune.workflow.world import open_world
from stages.keeping import kept
from stages.stage import DATA, REPORTS, device, entry, run, streamed


def main(name: str) -> Path:
    """Read `train.<name>` and its dataset, write `data/models/<name>` and the record."""
    suite, settings, written = entry(TrainEntry, "train", name)
    world = open_world(DATA / "datasets" / settings.data, device())
    place = Place(REPORTS, suite, "train", name, written, origin=f"datasets/{settings.data}")
    with kept(place, world) as lasting:
        with streamed(suite, settings.paper, "train", name):
            cell, outcome = train_cell(settings, lasting, name)
        cell.save(DATA / "models" / name)
        return write_cell_record(place, world, cell, outcome, search=[])


if __name__ == "__main__":
    run(main)
