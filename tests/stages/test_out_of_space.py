"""Too little memory or disk ends a stage with one line; a bug keeps its traceback."""

from __future__ import annotations

import errno
import importlib.util
import py_compile
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from locations import ROOT

from stages.harness.out_of_space import missing_space, report_exception


def reported(raised: BaseException, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what is printed of an exception."""
    report_exception(type(raised), raised, raised.__traceback__)
    return capsys.readouterr().err


def test_what_means_memory_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Python's, torch's, the loader's and the system's ways to say it, and an exception that one of them led to."""
    with pytest.raises(RuntimeError) as of_torch:
        torch.empty(2**60, dtype=torch.uint8)
    wrapped = ValueError("no value")
    wrapped.__context__ = MemoryError()
    loader = ImportError("libtorch_cpu.so: failed to map segment from shared object")
    for raised in (MemoryError(), of_torch.value, loader, OSError(errno.ENOMEM, "Cannot allocate memory"), wrapped):
        printed = reported(raised, capsys)
        assert printed.startswith("error: memory: ")
        assert printed.count("\n") == 1


def test_what_means_disk_is_one_line_with_the_place(capsys: pytest.CaptureFixture[str]) -> None:
    """The file is named, or else the folders where stages write."""
    named = reported(OSError(errno.ENOSPC, "No space left on device", "/tmp/x"), capsys)  # noqa: S108 (nothing is made)
    assert named == "error: disk: /tmp/x: No space left on device, allowed one with free space\n"
    for raised in (
        OSError(errno.EFBIG, "File too large"),
        FileNotFoundError("No usable temporary directory found in x"),
    ):
        assert reported(raised, capsys).startswith("error: disk: data/, reports/ or the temporary folder (TMPDIR): ")


def test_a_bug_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """Any other exception is printed as Python prints it."""
    for raised in (RuntimeError("a bug"), FileNotFoundError(errno.ENOENT, "No such file or directory", "x")):
        assert missing_space(raised) == ""
        assert type(raised).__name__ in reported(raised, capsys)


def test_a_damaged_compiled_module_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Half a compiled module, which a full disk leaves, is one line with its path; another end of file is a bug."""
    source = tmp_path / "half_written.py"
    source.write_text("x = 1\n")
    compiled = Path(py_compile.compile(str(source), doraise=True) or "")
    compiled.write_bytes(compiled.read_bytes()[:-10])
    spec = importlib.util.spec_from_file_location("half_written", source)
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(EOFError) as raised:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert reported(raised.value, capsys) == (
        f"error: {compiled}: damaged, as a full disk leaves it; remove it and run again\n"
    )
    assert "EOFError" in reported(EOFError("a bug"), capsys)


def test_a_stage_without_memory_for_torch_says_so() -> None:
    """The import of torch fails before a stage begins, and that too is one line."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (10**9, 10**9))  # noqa: E731
    command = [sys.executable, "-m", "stages.train", "x"]
    ended = subprocess.run(command, cwd=ROOT, preexec_fn=limit, capture_output=True, text=True, check=False)  # noqa: S603
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: memory: ")
    assert ended.stderr.count("\n") == 1
