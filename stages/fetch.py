"""Prepare one dataset: `python -m stages.fetch NAME`."""

from __future__ import annotations

import os

from privprune.datasets import DatasetSettings, fetch
from stages.harness.compute_stage import DATA, entry, run


def main(name: str) -> None:
    """Read `datasets.<name>`, write `data/datasets/<name>` with the images, labels and splits."""
    _, settings, _ = entry(DatasetSettings, "datasets", name)
    fetch(settings, DATA / "datasets" / name, os.environ, DATA / "downloads")


if __name__ == "__main__":
    run(main)
