"""Export the two halves of a trained network to ONNX: `python -m stages.deploy NAME`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from privprune.cells import load_cell
from privprune.files import new_folder
from privprune.workflow.context import open_context
from privprune.workflow.deploy import DeployEntry, deploy_cell
from privprune.workflow.record import RecordLocation, write_record
from stages.harness.compute_stage import DATA, PARAMS, REPORTS, device, entry, run


def main(name: str) -> tuple[Path, Mapping[str, float]]:
    """Read `deploy.<name>` and its cell, write `edge.onnx` and `cloud.onnx` to `data/deployed/<name>`, and the record.

    Times and memory are written beside the record, to the file of timings, on which no stage depends.
    """
    suite, settings, written = entry(DeployEntry, "deploy", name)
    context = open_context(DATA / "datasets" / settings.data, device())
    cell = load_cell(DATA / "models" / settings.cell)
    made = deploy_cell(settings, cell, context, f"{PARAMS}: deploy.{name}")
    with new_folder(DATA / "deployed" / name) as unfinished:
        for file, content in made.files.items():
            (unfinished / file).write_bytes(content)
    place = RecordLocation(REPORTS, suite, "deploy", name, written, origin=f"models/{settings.cell}")
    networks, packages = [settings.network], ("onnx", "onnxruntime", "onnxscript")
    return write_record(place, context, cell, networks=networks, packages=packages, metrics=made.metrics), made.timings


if __name__ == "__main__":
    run(main)
