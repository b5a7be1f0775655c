"""Who runs stages in this folder, read from the file in which DVC notes it."""

import json
import os
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path

import pytest

from privprune.errors import UserError
from stages import parallel
from stages.runner.lock_holders import Holder, lock_holders, remove_damaged_notes


def noted(root: Path, content: object) -> Path:
    """Write what DVC notes."""
    folder = root / ".dvc" / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rwlock").write_text(content if isinstance(content, str) else json.dumps(content))
    return root


def test_a_process_that_runs_a_stage_is_named_with_its_start(tmp_path: Path) -> None:
    """The form is that of DVC's own file; a process that writes several files is named once."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        entry = {"pid": other.pid, "cmd": "dvc repro"}
        root = noted(
            tmp_path, {"write": {"a": entry, "b": entry}, "read": {"c": [entry, {"pid": os.getpid(), "cmd": ""}]}}
        )
        (found,) = lock_holders(root)
        other.communicate(b"\n")
    assert (found.process, found.command) == (other.pid, "dvc repro")
    assert abs((datetime.now().astimezone() - found.since).total_seconds()) < 60
    assert lock_holders(root) == []


def test_it_is_said_in_words() -> None:
    """Number, command and start of the process."""
    began = datetime(2026, 1, 2, 3, 4).astimezone()
    assert str(Holder(7, "dvc repro", began)) == "process 7 (`dvc repro`), running since 2026-01-02 03:04,"


NOTES = (
    "",
    "{",
    "[]",
    "null",
    {},
    {"write": {}},
    *({"write": {"a": {"pid": one, "cmd": ""}}} for one in ("x", 2**70, -1)),
)


@pytest.mark.parametrize("content", NOTES, ids=str)
def test_what_cannot_be_read_holds_nothing(tmp_path: Path, content: object) -> None:
    """DVC itself says what is wrong with its file."""
    assert lock_holders(tmp_path) == []
    assert lock_holders(noted(tmp_path, content)) == []


def test_stages_side_by_side_do_not_start_beside_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line names the process and its start; DVC would fail stage by stage."""
    busy = Holder(7, "dvc repro", datetime(2026, 1, 2, 3, 4).astimezone())
    monkeypatch.setattr(parallel, "lock_holders", lambda: [busy])
    monkeypatch.setattr(parallel, "_dvc_repro", lambda *_, **__: pytest.fail("started"))
    line = (
        r"^process 7 \(`dvc repro`\), running since 2026-01-02 03:04, runs stages in this folder: wait for it or end it"
    )
    with pytest.raises(UserError, match=line):
        parallel._run(parallel._parser().parse_args([]))


@pytest.mark.parametrize("content", ["", '{"write": {', "\x00" * 20])
def test_notes_that_a_kill_has_left_damaged_are_removed(tmp_path: Path, content: str) -> None:
    """Notes that are no JSON are removed, for DVC makes them anew."""
    notes = tmp_path / ".dvc" / "tmp" / "rwlock"
    notes.parent.mkdir(parents=True)
    notes.write_text(content)
    assert remove_damaged_notes(tmp_path)
    assert not notes.exists()


def test_notes_that_can_be_read_stay(tmp_path: Path) -> None:
    """Those of a process that may run stay, and so does a folder without any."""
    assert not remove_damaged_notes(tmp_path)
    notes = tmp_path / ".dvc" / "tmp" / "rwlock"
    notes.parent.mkdir(parents=True)
    notes.write_text("{}")
    assert not remove_damaged_notes(tmp_path)
    assert notes.read_text() == "{}"


def test_notes_that_are_being_written_stay(tmp_path: Path) -> None:
    """Who writes them now has half a second to end."""
    notes = tmp_path / ".dvc" / "tmp" / "rwlock"
    notes.parent.mkdir(parents=True)
    notes.write_text("")
    writer = threading.Timer(0.1, notes.write_text, ["{}"])
    writer.start()
    assert not remove_damaged_notes(tmp_path)
    writer.join()
    assert notes.read_text() == "{}"
