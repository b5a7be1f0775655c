"""Attack the targets of one cell, for membership or by inversion: `python -m stages.attack NAME`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from privprune.cells import load_cell
from privprune.workflow.attack import attack_cell
from privprune.workflow.attack_entry import AttackEntry
from privprune.workflow.attack_outputs import RECONSTRUCTIONS, SCORES, save_attack
from privprune.workflow.context import open_context
from privprune.workflow.inversions import InversionEntry
from privprune.workflow.invert import invert_cell
from privprune.workflow.record import RecordLocation, write_record
from stages.harness.checkpointing import checkpointed
from stages.harness.compute_stage import DATA, PARAMS, REPORTS, as_user_error, device, entry, run

KINDS: dict[str, type[AttackEntry | InversionEntry]] = {"methods": AttackEntry, "inversions": InversionEntry}


def main(name: str) -> Path:
    """Run the attacks of `attack.<name>`; write scores or images to `data/attacks/<paper>/<name>`, and the record."""
    suite, settings, written = entry(KINDS, "attack", name)
    context = open_context(DATA / "datasets" / settings.data, device())
    cell = load_cell(DATA / "models" / settings.target)
    location = RecordLocation(REPORTS, suite, "attack", name, written, origin=f"models/{settings.target}")
    folder = DATA / "attacks" / settings.paper / name
    where = f"{PARAMS}: attack.{name}"
    beside = None if settings.released_with is None else DATA / "models" / settings.released_with
    with checkpointed(location, context, *([] if beside is None else [beside])) as checkpoints:
        if isinstance(settings, InversionEntry):
            inverted = invert_cell(settings, settings.built(where), cell, context, checkpoints)
            results, metrics = inverted.results, inverted.metrics
            save_attack(
                folder, RECONSTRUCTIONS, inverted.reconstructions, settings.target, cell.manifest, list(results)
            )
            measured: dict[str, Any] = {"metrics": metrics, "panels": inverted.panels, "checks": inverted.checks}
            return write_record(location, context, cell, attacks=results, **measured)
        companion = None if beside is None else load_cell(beside)
        with as_user_error(where):
            attacked = attack_cell(settings, settings.chosen(where), cell, context, checkpoints, companion)
        save_attack(folder, SCORES, attacked.scores, settings.target, cell.manifest, list(attacked.results))
        return write_record(location, context, cell, attacks=attacked.results, checks=attacked.checks)


if __name__ == "__main__":
    run(main)
