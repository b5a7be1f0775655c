"""Who runs stages in this folder, read from the file in which DVC notes it."""

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from stages.runner.lock_holders import Holder, lock_holders


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
    assert str(Holder(7, "dvc repro", began)) == "process 7 (`dvc repro`), since 2026-01-02 03:04"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        {},
        {"write": {}},
        {"write": {"a": {"pid": "x", "cmd": ""}}},
        {"write": {"a": {"pid": 2**70, "cmd": ""}}},
    ],
    ids=str,
)
def test_what_cannot_be_read_holds_nothing(tmp_path: Path, content: object) -> None:
    """DVC itself says what is wrong with its file."""
    assert lock_holders(tmp_path) == []
    assert lock_holders(noted(tmp_path, content)) == []
