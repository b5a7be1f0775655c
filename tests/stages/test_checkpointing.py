"""Which work continues from its checkpoint, and which starts again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from privprune.datasets.dataset import Dataset
from privprune.errors import UserError
from privprune.workflow.context import DataContext
from privprune.workflow.record import RecordLocation
from stages.harness import checkpointing

PLACE = RecordLocation(Path("reports"), "tiny", "harden", "game", {"paper": "cem", "epochs": 2}, origin="models/base")

FILES = {
    "data/code/harden/game.json": "{}",
    "data/datasets/digits/data.safetensors": "images",
    "data/datasets/digits/splits.npz": "splits",
    "data/models/base/models.safetensors": "weights",
    "data/models/other/models.safetensors": "of a cell that is not read",
}


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataContext:
    """Return a dataset in a new folder, with all files that a stage reads."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(checkpointing.SECONDS, "0")
    for name, content in FILES.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(content)
    return DataContext(cast("Dataset", None), Path("data/datasets/digits"), torch.device("cpu"))


def stopped(place: RecordLocation, context: DataContext) -> None:
    """Do a part of the work, and stop before the rest."""
    with pytest.raises(KeyboardInterrupt), checkpointing.checkpointed(place, context) as checkpoints:
        raise KeyboardInterrupt(checkpoints.done("part", lambda: "before"))


def resumed(place: RecordLocation, context: DataContext) -> bool:
    """Do all the work; returns whether it continued from the checkpoint."""
    with checkpointing.checkpointed(place, context) as checkpoints:
        return checkpoints.done("part", lambda: "again") == "before"


SAME: dict[str, Callable[[], Any]] = {
    "nothing": lambda: None,
    "another cell": lambda: Path("data/models/other/models.safetensors").write_text("x"),
}
OTHER: dict[str, Callable[[], Any]] = {
    "code": lambda: Path("data/code/harden/game.json").write_text("[]"),
    "images": lambda: Path("data/datasets/digits/data.safetensors").write_text("x"),
    "splits": lambda: Path("data/datasets/digits/splits.npz").write_text("x"),
    "the cell that it starts from": lambda: Path("data/models/base/models.safetensors").write_text("x"),
}


@pytest.mark.parametrize("changed", [*SAME, *OTHER])
def test_the_same_work_on_the_same_files_continues(context: DataContext, changed: str) -> None:
    """After a change of code, data or input the work starts again, else it continues; no checkpoint is left."""
    stopped(PLACE, context)
    (SAME | OTHER)[changed]()
    assert resumed(PLACE, context) is (changed in SAME)
    assert [path for path in Path("data/checkpoints").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "changed", [{"suite": "demo"}, {"written": {"paper": "cem", "epochs": 3}}, {"origin": "models/other"}]
)
def test_another_entry_starts_again(context: DataContext, changed: dict[str, Any]) -> None:
    """Work with other settings, suite or origin uses no checkpoint."""
    stopped(PLACE, context)
    assert not resumed(replace(PLACE, **changed), context)


def test_entries_have_separate_checkpoints(context: DataContext) -> None:
    """A checkpoint is used for its stage and name only."""
    stopped(PLACE, context)
    assert not resumed(replace(PLACE, name="other"), context)
    assert not resumed(replace(PLACE, stage="train"), context)
    assert resumed(PLACE, context)


@pytest.mark.parametrize("found", ["often", "-1", "nan"])
def test_an_invalid_interval_is_refused(context: DataContext, monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    """An interval that is not a number of seconds is reported in one line."""
    monkeypatch.setenv(checkpointing.SECONDS, found)
    line = f"PRIVPRUNE_CHECKPOINT_SECONDS: found '{found}', allowed a number of seconds, 0 to keep everything at once"
    with pytest.raises(UserError, match=line):
        resumed(PLACE, context)


def test_a_minute_is_the_default_interval(context: DataContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variable, or with an empty one, a stage shorter than a minute writes no checkpoint."""
    for value in (None, ""):
        monkeypatch.delenv(checkpointing.SECONDS) if value is None else monkeypatch.setenv(checkpointing.SECONDS, value)
        stopped(PLACE, context)
        assert not Path("data/checkpoints").exists()
