"""What a stage reads of the suite must still stand there when it ends."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from privprune.errors import UserError
from stages import stage

SUITE = "suite: tiny\ntrain:\n  one: {epochs: 2}\n  two: {epochs: 3}\n"


@dataclass(frozen=True)
class Settings:
    epochs: int


@pytest.fixture
def edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Read one entry of a suite in a folder of its own; returns a way to edit the suite afterwards."""
    (tmp_path / "params.yaml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stage, "_READ", [])
    assert stage.entry(Settings, "train", "one") == ("tiny", Settings(2), {"epochs": 2})
    return lambda old, new: (tmp_path / "params.yaml").write_text(SUITE.replace(old, new)) and None


def test_a_suite_that_stays_is_fine(edit: Callable[[str, str], None]) -> None:
    """Nothing is said of a suite that nobody edits, nor of an edit elsewhere in it."""
    stage.check_unchanged()
    edit("epochs: 3", "epochs: 4")
    stage.check_unchanged()


@pytest.mark.parametrize(("old", "new"), [("epochs: 2", "epochs: 5"), ("one:", "other:"), (SUITE, "suite: tiny")])
def test_an_entry_edited_while_it_ran_is_refused(edit: Callable[[str, str], None], old: str, new: str) -> None:
    """A changed or missing entry ends the stage in one line, so that DVC does not take its old result for the new."""
    edit(old, new)
    with pytest.raises(UserError, match=re.escape("params.yaml: train.one: found a change while it ran")):
        stage.check_unchanged()
