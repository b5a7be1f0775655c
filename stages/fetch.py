"""Fetch one dataset and prepare it: `python -m stages.fetch NAME`."""

from __future__ import annotations

import os

from privprune.datasets.entry_kinds import DATASET_ENTRY
from privprune.datasets.prepare import fetch
from stages.harness.compute_stage import DATA, entry, run


def main(name: str) -> None:
    """Read `datasets.<name>`, write `data/datasets/<name>` with the images, labels and splits."""
    _, settings, _ = entry(DATASET_ENTRY, "datasets", name)
    fetch(settings, DATA / "datasets" / name, os.environ, DATA / "downloads")


if __name__ == "__main__":
    run(main)
