"""Where DVC is not as expected, nothing of it is replaced, one line says so, and stages still run side by side."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dvc
import dvc.lock
import dvc.stage.run
import pytest
import yaml
from dvc.dvcfile import Lockfile
from dvc.stage import serialize
from locations import ROOT

from benchmarks import throwaway
from stages.runner import dvc_adapter, lock_file, prefork, run_cache, worker_pool

Patch = Callable[[pytest.MonkeyPatch], None]


def patched(owner: Any, name: str, value: Any) -> Patch:
    """Return a change of one attribute."""
    return lambda monkeypatch: monkeypatch.setattr(owner, name, value)


def _run_otherwise(stage: object, command: object) -> None:
    """Stand for a function of DVC with other parameters."""


def _dump_otherwise(self: object, stages: object, update: object) -> None:
    """Stand for a method of DVC with other parameters."""


CHANGED: dict[str, tuple[Patch, str]] = {
    "version": (patched(dvc, "__version__", "3.68.0"), "found version 3.68.0, allowed 3.67"),
    "command runner": (
        patched(dvc.stage.run, "_run", _run_otherwise),
        "found dvc.stage.run._run(stage, command), allowed dvc.stage.run._run(executable, cmd, kwargs)",
    ),
    "lock writer": (
        patched(Lockfile, "dump_stages", _dump_otherwise),
        "found Lockfile.dump_stages(self, stages, update), allowed Lockfile.dump_stages(self, stages, kwargs)",
    ),
    "no serialiser": (
        patched(serialize, "to_lockfile", None),
        "found dvc.stage.serialize.to_lockfile(), allowed dvc.stage.serialize.to_lockfile(stage, kwargs)",
    ),
    "no timeout": (
        patched(dvc.lock, "DEFAULT_TIMEOUT", None),
        "found no number dvc.lock.DEFAULT_TIMEOUT, allowed one",
    ),
}


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo each replacement after the test."""
    monkeypatch.setattr(dvc.stage.run, "_run", dvc.stage.run._run)
    monkeypatch.setattr(dvc.lock, "DEFAULT_TIMEOUT", dvc.lock.DEFAULT_TIMEOUT)
    monkeypatch.setattr(Lockfile, "dump_stages", Lockfile.dump_stages)


def in_place() -> tuple[Any, ...]:
    """Return what replacements would replace."""
    return dvc.stage.run._run, Lockfile.dump_stages, dvc.lock.DEFAULT_TIMEOUT


@pytest.mark.parametrize("kind", CHANGED)
def test_a_changed_dvc_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """With another version, parameters or attributes nothing is replaced or forked, and one line says so."""
    change, difference = CHANGED[kind]
    change(monkeypatch)
    before = in_place()
    monkeypatch.setattr(prefork.os, "fork", lambda: pytest.fail("forked"))

    assert not prefork.install()
    assert not lock_file.install()
    assert not dvc_adapter.replace_lock_timeout(worker_pool._LOCK_TIMEOUT)
    assert not dvc_adapter.replace_command_runner(lambda *_: 0)

    assert in_place() == before
    dvc_adapter.warn_of_differences()
    line = f"warning: DVC: {difference}: stages run in DVC's own, slower way\n"
    assert capsys.readouterr().err == line


def test_the_expected_dvc_is_replaced_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    """The installed DVC is as expected: the replacements are installed, twice like once, and no warning is printed."""
    for _ in range(2):
        assert lock_file.install()
        assert dvc_adapter.replace_lock_timeout(0.5)
        assert dvc_adapter.replace_command_runner(lambda *_: 0)
    assert dvc.lock.DEFAULT_TIMEOUT == 0.5
    assert dvc_adapter.differences() == []
    dvc_adapter.warn_of_differences()
    assert capsys.readouterr().err == ""


def test_a_call_with_other_arguments_is_dvcs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options of `dump_stages` that the replacement does not know, and a refused text, reach DVC's own method."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(dvc_adapter, "_dump_as_dvc", lambda *_, **options: calls.append(options))
    monkeypatch.setattr(serialize, "to_lockfile", lambda stage, **kwargs: {stage: kwargs})
    assert dvc_adapter.replace_lock_writer(lambda *_: None)

    class File:
        path = str(tmp_path / "dvc.lock")

    Lockfile.dump_stages(File(), ["train@a"], with_files=True)  # type: ignore[arg-type]
    Lockfile.dump_stages(File(), ["train@a"])  # type: ignore[arg-type]

    assert calls == [{"with_files": True}, {}]


@pytest.mark.filterwarnings("ignore:_NoneStep.value")  # of a package that DVC uses
def test_dvc_calls_the_replacements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command and an entry of `dvc.lock` reach them, and what they leave to DVC is done by DVC."""
    throwaway.make(tmp_path / "pipeline", 1, done=False)
    monkeypatch.chdir(tmp_path / "pipeline")
    commands: list[str] = []
    entries: list[str] = []
    assert dvc_adapter.replace_command_runner(lambda command, *_: commands.append(command))
    assert dvc_adapter.replace_lock_writer(lambda _, entry: entries.extend(entry))

    run_cache.reproduce_and_save("check", alone=True)

    assert (commands, entries) == (["echo checked > checked.txt"], ["check"])
    assert Path("checked.txt").read_text() == "checked\n"
    assert list(yaml.safe_load(Path("dvc.lock").read_text())["stages"]) == ["check"]


OTHER_VERSION = """
import dvc
dvc.__version__ = "3.99.0"
"""


def test_stages_run_side_by_side_with_another_dvc(tmp_path: Path) -> None:
    """One line warns of it, and every stage runs and is up to date afterwards."""
    pipeline, site = tmp_path / "pipeline", tmp_path / "site"
    throwaway.make(pipeline, 2, done=False)
    site.mkdir()
    (site / "sitecustomize.py").write_text(OTHER_VERSION)  # Python runs it as it starts, in each process of the run
    environment = {"PYTHONPATH": f"{site}:{ROOT}", "PATH": f"{Path(sys.executable).parent}:{os.defpath}"}
    command = [sys.executable, "-m", "stages.parallel", "--jobs", "2"]

    ended = subprocess.run(  # noqa: S603 (our own program)
        command, cwd=pipeline, env=environment, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    warning = "warning: DVC: found version 3.99.0, allowed 3.67: stages run in DVC's own, slower way"
    assert [line for line in ended.stderr.splitlines() if "warning" in line] == [warning]
    assert "up to date" in ended.stdout.splitlines()[-1]
    assert {path.name for path in pipeline.glob("cell-*.txt")} == {"cell-0.txt", "cell-1.txt"}
    assert sorted(yaml.safe_load((pipeline / "dvc.lock").read_text())["stages"]) == [
        "cell@cell-0",
        "cell@cell-1",
        "check",
    ]
