"""Commands of DVC through the fork server: as if a new interpreter ran each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from locations import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="stages are forked on Linux only")

CLIENT_CODE = """
import os, sys
import dvc.stage.run
from dvc.stage.exceptions import StageCmdFailedError
from stages.runner import prefork

assert prefork.install()
for command in sys.argv[1:]:
    try:
        dvc.stage.run._run("/bin/sh", command, cwd=os.environ["FOLDER"], env={**os.environ, "MARKER": "yes"})
        print("ended well", flush=True)
    except StageCmdFailedError as failed:
        print(f"ended with {failed.args[0] if failed.args else failed}", flush=True)
"""
STAGE_CODE = """
import os, sys, torch
print(__name__, sys.argv[1:], os.getcwd(), os.environ["MARKER"], os.getppid() != int(os.environ["CLIENT"]), flush=True)
if sys.argv[1:] == ["mistake"]:
    sys.exit("error: a mistake")
if sys.argv[1:] == ["status"]:
    sys.exit(3)
if sys.argv[1:] == ["bug"]:
    raise RuntimeError("a bug")
if sys.argv[1:] == ["killed"]:
    os.kill(os.getpid(), 9)
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], str, Path]:
    """Run commands through one fork server; returns the printed lines, what went to stderr, and the folder."""
    folder = tmp_path_factory.mktemp("prefork")
    (folder / "showing.py").write_text(STAGE_CODE)
    code = f"import stages; stages.__path__.append({str(folder)!r})\n{CLIENT_CODE}"
    names = ("well", "mistake", "status", "bug", "killed")
    commands = [*(f"python -m stages.showing {name}" for name in names), "echo $MARKER > plain.txt && echo by a shell"]
    environment = {**os.environ, "FOLDER": str(folder), "CLIENT": "0"}
    run = [sys.executable, "-c", code, *commands]
    ended = subprocess.run(run, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    return ended.stdout.splitlines(), ended.stderr, folder


def test_a_stage_runs_as_python_would_run_it(outcome: tuple[list[str], str, Path]) -> None:
    """It has the name, arguments, folder and environment of the command."""
    lines, _, folder = outcome
    assert lines[:2] == [f"__main__ ['well'] {folder} yes True", "ended well"]


def test_a_failure_is_that_of_one_stage(outcome: tuple[list[str], str, Path]) -> None:
    """After a mistake, a status, a bug or a kill that command fails, and the next one runs."""
    lines, errors, _ = outcome
    assert [line.startswith("ended with") for line in lines[3:10:2]] == [True] * 4
    assert "error: a mistake\n" in errors
    assert "RuntimeError: a bug" in errors
    assert errors.count("Traceback") == 1


def test_dvc_runs_other_commands(outcome: tuple[list[str], str, Path]) -> None:
    """A command of another form runs in a shell."""
    lines, _, folder = outcome
    assert lines[-2:] == ["by a shell", "ended well"]
    assert (folder / "plain.txt").read_text() == "yes\n"
