"""Which work goes on where it was stopped, and which begins anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from privprune.datasets import Dataset
from privprune.errors import UserError
from privprune.workflow.record import Place
from privprune.workflow.world import World
from stages import keeping

PLACE = Place(Path("reports"), "tiny", "harden", "game", {"paper": "cem", "epochs": 2}, origin="models/base")
FILES = {
    "data/code/harden.json": "{}",
    "data/datasets/digits/data.safetensors": "images",
    "data/datasets/digits/splits.npz": "splits",
    "data/models/base/models.safetensors": "weights",
    "data/models/other/models.safetensors": "of nobody's interest",
}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a dataset in a folder of its own, with all that a stage reads."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(keeping.SECONDS, "0")
    for name, content in FILES.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(content)
    return World(cast("Dataset", None), Path("data/datasets/digits"), torch.device("cpu"))


def stopped(place: Place, world: World) -> None:
    """Do a part of the work, and end before the rest."""
    with pytest.raises(KeyboardInterrupt), keeping.kept(place, world) as lasting:
        raise KeyboardInterrupt(lasting.checkpoints.done("part", lambda: "before"))


def resumed(place: Place, world: World) -> bool:
    """Do all the work; returns whether it went on."""
    with keeping.kept(place, world) as lasting:
        return lasting.checkpoints.done("part", lambda: "anew") == "before"


SAME: dict[str, Callable[[], Any]] = {
    "nothing": lambda: None,
    "another cell": lambda: Path("data/models/other/models.safetensors").write_text("x"),
}
OTHER: dict[str, Callable[[], Any]] = {
    "code": lambda: Path("data/code/harden.json").write_text("[]"),
    "images": lambda: Path("data/datasets/digits/data.safetensors").write_text("x"),
    "splits": lambda: Path("data/datasets/digits/splits.npz").write_text("x"),
    "the cell that it starts from": lambda: Path("data/models/base/models.safetensors").write_text("x"),
}


@pytest.mark.parametrize("changed", [*SAME, *OTHER])
def test_the_same_work_on_the_same_files_goes_on(world: World, changed: str) -> None:
    """A change of code, data or input begins anew, and nothing else does; nothing is left in the end."""
    stopped(PLACE, world)
    (SAME | OTHER)[changed]()
    assert resumed(PLACE, world) is (changed in SAME)
    assert [path for path in Path("data/checkpoints").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "changed", [{"suite": "demo"}, {"written": {"paper": "cem", "epochs": 3}}, {"origin": "models/other"}]
)
def test_another_entry_begins_anew(world: World, changed: dict[str, Any]) -> None:
    """Settings, suite and origin are part of what the work is."""
    stopped(PLACE, world)
    assert not resumed(replace(PLACE, **changed), world)


def test_entries_do_not_meet(world: World) -> None:
    """Each stage and name has a folder of its own."""
    stopped(PLACE, world)
    assert not resumed(replace(PLACE, name="other"), world)
    assert not resumed(replace(PLACE, stage="train"), world)
    assert resumed(PLACE, world)


@pytest.mark.parametrize("found", ["often", "-1", "nan"])
def test_an_interval_that_is_none_is_refused(world: World, monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    """It gets a line."""
    monkeypatch.setenv(keeping.SECONDS, found)
    line = f"PRIVPRUNE_CHECKPOINT_SECONDS: found '{found}', allowed a number of seconds, 0 to keep everything at once"
    with pytest.raises(UserError, match=line):
        resumed(PLACE, world)


def test_a_minute_is_the_usual_interval(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variable, or with an empty one, a stage under a minute keeps nothing."""
    for value in (None, ""):
        monkeypatch.delenv(keeping.SECONDS) if value is None else monkeypatch.setenv(keeping.SECONDS, value)
        stopped(PLACE, world)
        assert not Path("data/checkpoints").exists()
