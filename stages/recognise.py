"""Classify reconstructed images with an independent network: `python -m stages.recognise NAME`."""

from __future__ import annotations

from pathlib import Path

from privprune.cells import load_cell
from privprune.workflow.attack_outputs import read_rebuilt
from privprune.workflow.context import open_context
from privprune.workflow.recognise import RecogniseEntry, recognise
from privprune.workflow.record import RecordLocation, write_record
from stages.harness.compute_stage import DATA, PARAMS, REPORTS, device, entry, run


def main(name: str) -> Path:
    """Read `recognise.<name>`, its judge and the images in `data/attacks/<paper>`, write the record."""
    suite, settings, written = entry(RecogniseEntry, "recognise", name)
    context = open_context(DATA / "datasets" / settings.data, device())
    judge = load_cell(DATA / "models" / settings.judge)
    rebuilt = read_rebuilt(DATA / "attacks" / settings.paper, settings.inversions, context)
    results = recognise(settings, judge, context, rebuilt, f"{PARAMS}: recognise.{name}")
    place = RecordLocation(REPORTS, suite, "recognise", name, written, origin=f"models/{settings.judge}")
    return write_record(place, context, judge, networks=[0], attacks=results)


if __name__ == "__main__":
    run(main)
