"""The catalogue: every family declares its datasets itself, and looking them up is light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from privprune.datasets.catalogue import DATASETS

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "torchvision", "sklearn", "skimage")
LOOK_UP = f"""
import sys
import privprune.datasets.sources
from privprune.datasets.catalogue import DATASETS
assert len(list(DATASETS.values())) > 10
print([name for name in {HEAVY} if name in sys.modules])
"""


def test_looking_up_every_dataset_imports_nothing_heavy() -> None:
    """A dry run lists datasets within a second: neither PyTorch nor the packages that bundle data are imported."""
    command = [sys.executable, "-c", LOOK_UP]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 (our own code)
    assert (found.stdout.strip(), found.stderr) == ("[]", "")


@pytest.mark.parametrize("name", list(DATASETS))
def test_a_declaration_is_complete(name: str) -> None:
    """Images have one or three channels; what is not bundled says which files are needed, and where they come from."""
    info = DATASETS[name]
    assert info.name == name
    assert info.image_shape.image == (info.channels, info.size, info.size)
    assert info.channels in (1, 3)
    assert min(info.size, info.classes, info.train_records) >= 2
    assert info.source.provider
    needed = info.source.availability != "bundled"
    assert (bool(info.source.paths), bool(info.source.layout)) == (needed, needed)
