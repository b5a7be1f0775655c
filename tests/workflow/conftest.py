"""The tiny suite's dataset and entries, without files of stages."""

from pathlib import Path
from typing import Any

import pytest
import torch

from privprune.datasets import DatasetSettings, fetch
from privprune.settings import load_yaml, read
from privprune.workflow.world import World, open_world

TINY = Path(__file__).parent.parent / "suites" / "tiny.yaml"


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return the tiny dataset with its splits."""
    folder = tmp_path_factory.mktemp("datasets") / "digits"
    fetch(read(DatasetSettings, load_yaml(TINY)["datasets"]["digits"], "tiny"), folder, {}, folder.parent)
    return open_world(folder, torch.device("cpu"))


@pytest.fixture(scope="session")
def tiny() -> dict[str, Any]:
    """Return the tiny suite as its file has it."""
    return load_yaml(TINY)
