"""The tiny suite's dataset and entries, without files of stages."""

from typing import Any

import pytest
import torch
from locations import TINY

from privprune.datasets.entry_kinds import DATASET_ENTRY
from privprune.datasets.prepare import fetch
from privprune.settings import read
from privprune.workflow.context import DataContext, open_context
from privprune.workflow.onnx_export import export
from privprune.yaml_file import load_yaml


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> DataContext:
    """Return the tiny dataset with its splits."""
    folder = tmp_path_factory.mktemp("datasets") / "digits"
    fetch(read(DATASET_ENTRY, load_yaml(TINY)["datasets"]["digits"], "tiny"), folder, {}, folder.parent)
    return open_context(folder, torch.device("cpu"))


@pytest.fixture(scope="session")
def tiny() -> dict[str, Any]:
    """Return the tiny suite as its file has it."""
    return load_yaml(TINY)


@pytest.fixture(scope="session")
def _exporter() -> None:
    """Load PyTorch's exporter once, not in each process that is forked to export: seconds each."""
    export(torch.nn.Identity().eval(), torch.zeros(2, 1), ("given", "made"), 20)
