"""Stages keep compiled modules in data/.compiled, where the environment forbids to keep them beside the sources."""

import os
import subprocess
import sys

import pytest
from locations import ROOT

OURS = str(ROOT / "data" / ".compiled")
PROGRAM = "import stages, sys; print(sys.dont_write_bytecode, sys.pycache_prefix)"


@pytest.mark.parametrize(
    ("forbidden", "place", "expected"),
    [("1", "", f"False {OURS}"), ("", "", "False None"), ("1", "/elsewhere", "True /elsewhere")],
)
def test_a_stage_keeps_what_it_compiles(forbidden: str, place: str, expected: str) -> None:
    """In a folder of ours where nothing may be kept beside the sources; a place that was chosen stays."""
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": forbidden, "PYTHONPYCACHEPREFIX": place}
    run = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, cwd=ROOT, env=environment
    )
    assert run.stdout.strip() == expected
