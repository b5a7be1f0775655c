"""Export the two halves of a trained network: `python -m stages.deploy NAME`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from privprune.cells import load_cell
from privprune.files import new_folder, write_json
from privprune.split_service.pair import PAIR_FILE
from privprune.workflow.context import open_context
from privprune.workflow.deploy import DeployEntry, deploy_cell
from privprune.workflow.record import RecordLocation, write_record
from stages.harness.compute_stage import DATA, PARAMS, REPORTS, device, entry, run


def main(name: str) -> tuple[Path, Mapping[str, float]]:
    """Read `deploy.<name>` and its cell, write the halves to `data/deployed/<name>`, and the record.

    Returns:
        path of the record, and measured times and memory, which go beside the time of the stage.

    """
    suite, settings, written = entry(DeployEntry, "deploy", name)
    context = open_context(DATA / "datasets" / settings.data, device())
    cell = load_cell(DATA / "models" / settings.cell)
    deployment = deploy_cell(settings, cell, context, f"{PARAMS}: deploy.{name}")
    with new_folder(DATA / "deployed" / name) as unfinished:
        for file, content in deployment.files.items():
            (unfinished / file).write_bytes(content)
        write_json(unfinished / PAIR_FILE, deployment.pair.as_json())
    location = RecordLocation(REPORTS, suite, "deploy", name, written, origin=f"models/{settings.cell}")
    networks, packages = [settings.network], ["onnx", "onnxruntime", "onnxscript"]
    if settings.executorch:
        packages.append("executorch")
    metrics, timings = deployment.metrics, deployment.timings
    return write_record(location, context, cell, networks=networks, packages=packages, metrics=metrics), timings


if __name__ == "__main__":
    run(main)
