"""An entry that a stage has read must be unchanged in the suite when the stage ends."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from privprune.errors import UserError
from stages.harness import compute_stage

SUITE = "suite: tiny\ntrain:\n  one: {epochs: 2}\n  two: {epochs: 3}\n"


@dataclass(frozen=True)
class Settings:
    epochs: int


@pytest.fixture
def edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Read one entry of a suite in a folder of its own; returns a way to edit the suite afterwards."""
    (tmp_path / "params.yaml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(compute_stage, "_READ", [])
    assert compute_stage.entry(Settings, "train", "one") == ("tiny", Settings(2), {"epochs": 2})
    return lambda old, new: (tmp_path / "params.yaml").write_text(SUITE.replace(old, new)) and None


def test_an_unchanged_entry_is_accepted(edit: Callable[[str, str], None]) -> None:
    """A suite without an edit, or with an edit of another entry, is accepted."""
    compute_stage.check_unchanged()
    edit("epochs: 3", "epochs: 4")
    compute_stage.check_unchanged()


@pytest.mark.parametrize(("old", "new"), [("epochs: 2", "epochs: 5"), ("one:", "other:"), (SUITE, "suite: tiny")])
def test_an_entry_edited_while_it_ran_is_refused(edit: Callable[[str, str], None], old: str, new: str) -> None:
    """A changed or missing entry ends the stage in one line: its result must not be recorded for the new entry."""
    edit(old, new)
    with pytest.raises(UserError, match=re.escape("params.yaml: train.one: found a change while it ran")):
        compute_stage.check_unchanged()


@pytest.mark.parametrize(
    ("wanted", "has_gpu", "expected"),
    [("found", False, "cpu"), ("found", True, "cuda"), ("cpu", True, "cpu"), ("cuda", True, "cuda")],
)
def test_the_suite_chooses_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, has_gpu: bool, expected: str
) -> None:
    """A GPU is used where the suite says `cuda`, or `found` and there is one; TF32 is off."""
    (tmp_path / "params.yaml").write_text(f"suite: tiny\ndevice: {wanted}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)

    assert compute_stage.device().type == expected
    assert not torch.backends.cudnn.allow_tf32


def test_a_missing_gpu_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`device: cuda` is refused in one line where torch finds no GPU."""
    (tmp_path / "params.yaml").write_text("suite: tiny\ndevice: cuda\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(UserError, match=r"params\.yaml: device: found cuda, allowed cpu or found"):
        compute_stage.device()


def test_a_reproduced_record_keeps_its_timing(tmp_path: Path) -> None:
    """A stage that writes the same record leaves the timing as it was; another record has a new one."""
    record = tmp_path / "records" / "paper" / "train" / "cell.json"
    timing = tmp_path / "timings" / "paper" / "train" / "cell.json"
    record.parent.mkdir(parents=True)
    seconds = []
    for content, took in (("one", 1.0), ("one", 2.0), ("two", 3.0)):
        record.write_text(content)
        compute_stage.note_time(record, took, {})
        seconds.append(json.loads(timing.read_text())["seconds"])
    assert seconds == [1.0, 1.0, 3.0]
