"""Attack the targets of one cell, for membership or by inversion: `python -m stages.attack NAME`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from privprune.cells import load_cell
from privprune.files import new_folder
from privprune.settings import at, load_yaml
from privprune.workflow.attack import AttackEntry, attack_cell
from privprune.workflow.invert import InversionEntry, invert_cell
from privprune.workflow.record import Place, write_record
from privprune.workflow.world import open_world
from stages.stage import DATA, PARAMS, REPORTS, device, entry, run


def main(name: str) -> Path:
    """Attack as the entry `attack.<name>` says: one with `inversions` reconstructs images, another tells members."""
    found = at(load_yaml(PARAMS), "attack", name, file=str(PARAMS))
    return _invert(name) if "inversions" in found else _tell_members(name)


def _tell_members(name: str) -> Path:
    """Write the scores to `data/attacks/<name>` and the record."""
    suite, settings, written = entry(AttackEntry, "attack", name)
    attacks = settings.built(f"{PARAMS}: attack.{name}")
    world = open_world(DATA / "datasets" / settings.data, device())
    cell = load_cell(DATA / "models" / settings.target)
    assault = attack_cell(settings, attacks, cell, world)
    with new_folder(DATA / "attacks" / name) as unfinished:
        np.savez(unfinished / "scores.npz", allow_pickle=False, **assault.scores)
    place = Place(REPORTS, suite, "attack", name, written, origin=f"models/{settings.target}")
    return write_record(place, world, cell, attacks=assault.results)


def _invert(name: str) -> Path:
    """Write the reconstructed images to `data/attacks/<name>` and the record."""
    suite, settings, written = entry(InversionEntry, "attack", name)
    attacks = settings.built(f"{PARAMS}: attack.{name}")
    world = open_world(DATA / "datasets" / settings.data, device())
    cell = load_cell(DATA / "models" / settings.target)
    made = invert_cell(settings, attacks, cell, world)
    with new_folder(DATA / "attacks" / name) as unfinished:
        np.savez(unfinished / "reconstructions.npz", allow_pickle=False, **made.reconstructions)
    place = Place(REPORTS, suite, "attack", name, written, origin=f"models/{settings.target}")
    return write_record(place, world, cell, attacks=made.results, metrics=made.metrics, panels=made.panels)


if __name__ == "__main__":
    run(main)
