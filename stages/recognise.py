"""Let an independent network look at what inversion attacks rebuilt: `python -m stages.recognise NAME`."""

from __future__ import annotations

from pathlib import Path

from privprune.cells import load_cell
from privprune.workflow.rebuilt import read_rebuilt
from privprune.workflow.recognise import RecogniseEntry, recognise
from privprune.workflow.record import Place, write_record
from privprune.workflow.world import open_world
from stages.stage import DATA, PARAMS, REPORTS, device, entry, run


def main(name: str) -> Path:
    """Read `recognise.<name>`, its judge and the images in `data/attacks/<paper>`, write the record."""
    suite, settings, written = entry(RecogniseEntry, "recognise", name)
    world = open_world(DATA / "datasets" / settings.data, device())
    judge = load_cell(DATA / "models" / settings.judge)
    rebuilt = read_rebuilt(DATA / "attacks" / settings.paper, settings.inversions, world)
    results = recognise(settings, judge, world, rebuilt, f"{PARAMS}: recognise.{name}")
    place = Place(REPORTS, suite, "recognise", name, written, origin=f"models/{settings.judge}")
    return write_record(place, world, judge, networks=[0], attacks=results)


if __name__ == "__main__":
    run(main)
