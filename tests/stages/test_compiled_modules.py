"""Stages keep compiled modules in the environment, where they may not keep them beside the sources."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from locations import ROOT

from stages.harness.compiled_modules import COMPILED, keep_compiled_modules

PLAIN = {name: value for name, value in os.environ.items() if name != "PYTHONPYCACHEPREFIX"}


@pytest.fixture
def torch_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the compiled module of a package `torch` that is found in place of the real one; it is not there yet."""
    source = tmp_path / "torch" / "__init__.py"
    source.parent.mkdir()
    source.write_text("")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(sys, "pycache_prefix", None)
    return source.parent / "__pycache__" / f"__init__.{sys.implementation.cache_tag}.pyc"


@pytest.mark.parametrize(
    ("forbidden", "place", "expected"),
    [(True, None, (False, str(COMPILED))), (False, None, (False, None)), (True, "/elsewhere", (True, "/elsewhere"))],
)
def test_a_stage_keeps_what_it_compiles(
    forbidden: bool,
    place: str | None,
    expected: tuple[bool, str | None],
    torch_alone: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the environment, where nothing may be kept beside the sources; a place that was chosen stays."""
    assert not torch_alone.exists()
    monkeypatch.setattr(sys, "dont_write_bytecode", forbidden)
    monkeypatch.setattr(sys, "pycache_prefix", place)
    keep_compiled_modules()
    assert (sys.dont_write_bytecode, sys.pycache_prefix) == expected


def test_what_was_compiled_before_is_used(torch_alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another place would hide it."""
    torch_alone.parent.mkdir()
    torch_alone.write_bytes(b"")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    keep_compiled_modules()
    assert (sys.dont_write_bytecode, sys.pycache_prefix) == (True, None)


def test_compiled_modules_are_kept_before_torch_is_imported(torch_alone: Path) -> None:
    """Importing the stages does it, and imports no torch."""
    program = "import stages, sys; print('torch' in sys.modules, sys.pycache_prefix)"
    variables = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(torch_alone.parents[2])}
    run = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT, env=PLAIN | variables
    )
    assert run.stdout.split() == ["False", str(COMPILED)]
