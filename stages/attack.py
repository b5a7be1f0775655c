"""Attack the targets of one cell: `python -m stages.attack TARGET`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from privprune.cells import load_cell
from privprune.files import new_folder
from privprune.workflow.attack import AttackEntry, attack_cell
from privprune.workflow.record import Place, write_record
from privprune.workflow.world import open_world
from stages.stage import DATA, PARAMS, REPORTS, device, entry, run


def main(name: str) -> Path:
    """Read `attack.<name>` and its target, write the scores to `data/attacks/<name>` and the record."""
    suite, settings, written = entry(AttackEntry, "attack", name)
    attacks = settings.built(f"{PARAMS}: attack.{name}")
    world = open_world(DATA / "datasets" / settings.data, device())
    cell = load_cell(DATA / "models" / settings.target)
    assault = attack_cell(settings, attacks, cell, world)
    with new_folder(DATA / "attacks" / name) as unfinished:
        np.savez(unfinished / "scores.npz", allow_pickle=False, **assault.scores)
    place = Place(REPORTS, suite, "attack", name, written, origin=f"models/{settings.target}")
    return write_record(place, world, cell, attacks=assault.results)


if __name__ == "__main__":
    run(main)
