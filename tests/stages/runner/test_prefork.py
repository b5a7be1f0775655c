"""Commands of DVC through a starter: as if each were run by an interpreter of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from locations import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="stages are forked on Linux only")

ASKING = """
import os, sys
import dvc.stage.run
from dvc.stage.exceptions import StageCmdFailedError
from stages.runner import prefork

prefork.begin()
for command in sys.argv[1:]:
    try:
        dvc.stage.run._run("/bin/sh", command, cwd=os.environ["FOLDER"], env={**os.environ, "TOLD": "yes"})
        print("ended well", flush=True)
    except StageCmdFailedError as failed:
        print(f"ended with {failed.args[0] if failed.args else failed}", flush=True)
"""
SHOWING = """
import os, sys, torch
print(__name__, sys.argv[1:], os.getcwd(), os.environ["TOLD"], os.getppid() != int(os.environ["ASKER"]), flush=True)
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
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], str, Path]:
    """Run commands through one starter; returns the lines that were printed, what went to stderr, and the folder."""
    folder = tmp_path_factory.mktemp("warm")
    (folder / "showing.py").write_text(SHOWING)
    code = f"import stages; stages.__path__.append({str(folder)!r})\n{ASKING}"
    names = ("well", "mistake", "status", "bug", "killed")
    commands = [*(f"python -m stages.showing {name}" for name in names), "echo $TOLD > plain.txt && echo by a shell"]
    environment = {**os.environ, "FOLDER": str(folder), "ASKER": "0"}
    run = [sys.executable, "-c", code, *commands]
    ended = subprocess.run(run, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    return ended.stdout.splitlines(), ended.stderr, folder


def test_a_stage_is_run_as_python_would(asked: tuple[list[str], str, Path]) -> None:
    """Its name, arguments, folder and environment are those of the command."""
    lines, _, folder = asked
    assert lines[:2] == [f"__main__ ['well'] {folder} yes True", "ended well"]


def test_failures_are_those_of_the_stage(asked: tuple[list[str], str, Path]) -> None:
    """A mistake, a status, a bug and a kill fail that command alone, and the next one runs."""
    lines, told, _ = asked
    assert [line.startswith("ended with") for line in lines[3:10:2]] == [True] * 4
    assert "error: a mistake\n" in told
    assert "RuntimeError: a bug" in told
    assert told.count("Traceback") == 1


def test_other_commands_go_to_the_shell(asked: tuple[list[str], str, Path]) -> None:
    """What is no stage of ours runs as DVC runs it."""
    lines, _, folder = asked
    assert lines[-2:] == ["by a shell", "ended well"]
    assert (folder / "plain.txt").read_text() == "yes\n"
