"""Which work goes on where it was stopped, and which begins anew."""

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
    "data/models/other/models.safetensors": "of nobody's interest",
}


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataContext:
    """Return a dataset in a folder of its own, with all that a stage reads."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(checkpointing.SECONDS, "0")
    for name, content in FILES.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(content)
    return DataContext(cast("Dataset", None), Path("data/datasets/digits"), torch.device("cpu"))


def stopped(place: RecordLocation, context: DataContext) -> None:
    """Do a part of the work, and end before the rest."""
    with pytest.raises(KeyboardInterrupt), checkpointing.kept(place, context) as checkpoints:
        raise KeyboardInterrupt(checkpoints.done("part", lambda: "before"))


def resumed(place: RecordLocation, context: DataContext) -> bool:
    """Do all the work; returns whether it went on."""
    with checkpointing.kept(place, context) as checkpoints:
        return checkpoints.done("part", lambda: "anew") == "before"


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
def test_the_same_work_on_the_same_files_goes_on(context: DataContext, changed: str) -> None:
    """A change of code, data or input begins anew, and nothing else does; nothing is left in the end."""
    stopped(PLACE, context)
    (SAME | OTHER)[changed]()
    assert resumed(PLACE, context) is (changed in SAME)
    assert [path for path in Path("data/checkpoints").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "changed", [{"suite": "demo"}, {"written": {"paper": "cem", "epochs": 3}}, {"origin": "models/other"}]
)
def test_another_entry_begins_anew(context: DataContext, changed: dict[str, Any]) -> None:
    """Settings, suite and origin are part of what the work is."""
    stopped(PLACE, context)
    assert not resumed(replace(PLACE, **changed), context)


def test_entries_do_not_meet(context: DataContext) -> None:
    """Each stage and name has a folder of its own."""
    stopped(PLACE, context)
    assert not resumed(replace(PLACE, name="other"), context)
    assert not resumed(replace(PLACE, stage="train"), context)
    assert resumed(PLACE, context)


@pytest.mark.parametrize("found", ["often", "-1", "nan"])
def test_an_interval_that_is_none_is_refused(context: DataContext, monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    """It gets a line."""
    monkeypatch.setenv(checkpointing.SECONDS, found)
    line = f"PRIVPRUNE_CHECKPOINT_SECONDS: found '{found}', allowed a number of seconds, 0 to keep everything at once"
    with pytest.raises(UserError, match=line):
        resumed(PLACE, context)


def test_a_minute_is_the_usual_interval(context: DataContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variable, or with an empty one, a stage under a minute keeps nothing."""
    for value in (None, ""):
        monkeypatch.delenv(checkpointing.SECONDS) if value is None else monkeypatch.setenv(checkpointing.SECONDS, value)
        stopped(PLACE, context)
        assert not Path("data/checkpoints").exists()
