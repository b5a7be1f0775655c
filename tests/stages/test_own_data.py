"""The user's own data through the stages: the page's entries as they are printed, and changes that DVC sees."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dvc.repo import Repo
from locations import ROOT
from own_files import SPLIT, own_entry, people, write_pictures, write_table
from ruamel.yaml import YAML

from privprune.datasets.entry_kinds import DATASET_ENTRY
from privprune.settings import read
from privprune.yaml_file import load_yaml
from stages import attack, check, fetch, harden, prune, train
from stages.harness.own_data import link_own_data

PAGE = ROOT / "docs" / "own_data.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
STAGES: dict[str, Callable[[str], object]] = {
    "train": train.main,
    "prune": prune.main,
    "harden": harden.main,
    "attack": attack.main,
}

LESS = {"epochs": 1, "seeds": [0, 1], "resamples": 10, "features": 32, "images": 10}


def shortened(value: Any) -> Any:
    """Return settings with one epoch in each phase, two networks, and little work for attacks."""
    if isinstance(value, dict):
        return {
            key: LESS[key] if key in LESS and not isinstance(inner, dict) else shortened(inner)
            for key, inner in value.items()
        }
    return [shortened(inner) for inner in value] if isinstance(value, list) else value


def documented(name: str) -> dict[str, Any]:
    """Return the suite that the page prints for a format, or params/own.yaml with the entry that it prints."""
    found = [content for block in BLOCKS if entry_name(content := YAML(typ="safe").load(block)) == name]
    assert len(found) == 1, f"the page has {len(found)} entries with name: {name}"
    content = found[0] if "train" in found[0] else {**load_yaml(ROOT / "params" / "own.yaml"), **found[0]}
    return dict(shortened(content))


def entry_name(content: Any) -> str | None:
    """Return the key `name` of the one dataset in a block, if it has one."""
    datasets = content.get("datasets", {})
    return next((entry["name"] for entry in datasets.values()), None)


@pytest.fixture
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with the files that the page names."""
    monkeypatch.chdir(tmp_path)
    write_pictures(Path("my_data") / "pictures", 120)
    images = np.random.default_rng(0).integers(0, 256, (240, 8, 8), dtype=np.uint8)
    np.savez(Path("my_data") / "arrays.npz", images=images, labels=np.arange(240) % 3)
    write_table(Path("my_data") / "people.csv", people(300))


@pytest.mark.usefixtures("_files")
@pytest.mark.parametrize("name", [pytest.param("folder", marks=pytest.mark.slow), "npz", "csv"])
def test_the_entries_of_the_page_run_as_they_are_printed(name: str) -> None:
    """Checked, fetched, trained for an epoch, pruned, hardened and attacked; records name the classes."""
    suite = documented(name)
    with Path("params.yaml").open("w") as file:
        YAML(typ="safe").dump(suite, file)
    check.main()
    for data in suite["datasets"]:
        fetch.main(data)
    for section, stage in STAGES.items():
        for entry in suite[section]:
            stage(entry)
    record = json.loads(Path(f"reports/{suite['suite']}/records/own/train/plain.json").read_text())
    assert record["data"]["classes"] == {"folder": "cat, dog", "npz": "0, 1, 2", "csv": "high, low"}[name]
    assert record["data"]["source"] == name
    attacked = {path.stem for path in Path(f"reports/{suite['suite']}/records/own/attack").iterdir()}
    assert attacked == set(suite["attack"])


DVC = """
stages:
  check:
    cmd: link
    outs: [data/own: {cache: false}]
  fetch:
    cmd: read
    deps: [data/own/pictures, data/own/people, data/own/digits]
    outs: [got]
"""


def entries(folder: Path) -> dict[str, Any]:
    """Return a folder outside the repository, a file in it, and a dataset of the catalogue."""
    written = {
        "pictures": own_entry("folder", folder / "pictures", size=8, channels=1, split=SPLIT),
        "people": own_entry("csv", Path("people.csv"), label="income", split=SPLIT),
        "digits": {**own_entry("digits", folder), "accept": "verified"},
    }
    del written["digits"]["path"]
    return {name: read(DATASET_ENTRY, entry, name) for name, entry in written.items()}


def test_dvc_sees_changed_data_and_never_removes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is changed, new or gone makes `fetch` stale; removing what `check` made removes links alone."""
    repository, pictures = tmp_path / "repository", write_pictures(tmp_path / "pictures", 4)
    repository.mkdir()
    monkeypatch.chdir(repository)
    write_table(Path("people.csv"), people(20))
    dvc = Repo.init(no_scm=True)
    Path("dvc.yaml").write_text(DVC)
    Path("got").write_text("what was read")
    link_own_data(entries(tmp_path))
    dvc.commit(force=True)
    assert dvc.status() == {}
    assert not Path("data/own/people").readlink().is_absolute()
    changes: tuple[Callable[[], object], ...] = (
        lambda: (pictures / "cat" / "0.png").write_bytes(b"changed"),
        lambda: (pictures / "cat" / "new.png").write_bytes(b"new"),
        (pictures / "cat" / "new.png").unlink,
        lambda: Path("people.csv").write_text("changed"),
    )
    for change in changes:
        change()
        dvc._reset()
        assert "fetch" in dvc.status()
        dvc.commit(force=True)
    files = sorted(pictures.rglob("*"))
    dvc.remove("check", outs=True)
    assert not Path("data/own").exists()
    assert sorted(pictures.rglob("*")) == files
    link_own_data(entries(tmp_path))
    link_own_data(entries(tmp_path))  # replaces the folder of links
    assert sorted(pictures.rglob("*")) == files
    assert Path("people.csv").is_file()
