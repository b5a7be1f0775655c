"""Networks that were released together: DVC itself runs an attack on two cells after both of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from locations import ROOT, TINY

from privprune.yaml_file import load_yaml
from stages import select

GRAPH = """
import json
from stages.runner import dvc_adapter
graph = dvc_adapter.read_graph(["attack"], lambda _: False)
print(json.dumps({stage.address: sorted(stage.dependencies) for stage in graph}))
"""


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository of git and DVC with the map of the stages and no outputs."""
    subprocess.run([shutil.which("git") or "git", "init", "-q"], cwd=tmp_path, check=True)  # noqa: S603 (git itself)
    (tmp_path / ".dvc").mkdir()
    for name in ("dvc.yaml", ".dvcignore", ".dvc/config"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / ".dvc" / "site"))
    return tmp_path


def write(folder: Path, suite: dict[str, Any]) -> None:
    """Write the suite that runs."""
    (folder / "params.yaml").write_text(yaml.safe_dump(suite, sort_keys=False))


def test_dvc_runs_an_attack_after_both_cells(clone: Path) -> None:
    """With `released_with`, the attack depends on that cell's stage too; with null on none but `check`."""
    suite = load_yaml(TINY)
    suite["attack"]["pruned"]["released_with"] = "game"
    write(clone, suite)
    command, environment = [sys.executable, "-c", GRAPH], {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=True)  # noqa: S603 (ours)
    graph = {address: set(before) for address, before in json.loads(ended.stdout).items()}
    common = {"check", "fetch@digits"}
    assert graph["attack@pruned"] == common | {"prune@pruned", "harden@game"}
    assert graph["attack@base"] == common | {"train@base"}
    assert graph["attack@cut-inverted"] == common | {"train@cut"}


def test_a_selected_table_keeps_the_cells_that_its_attacks_need() -> None:
    """A cell that is named in `released_with` alone is selected, with the cells that it starts from."""
    suite = load_yaml(TINY)
    suite["attack"]["pruned"]["released_with"] = "game"
    suite["train"]["base"]["network"]["protocol"] = "paper"
    paper = select.load("mia_pruning")
    chosen = select.selected(suite, "tiny", paper, paper.tables[0].name)
    assert set(chosen["harden"]) == {"game"}
