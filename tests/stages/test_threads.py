"""A stage computes in one thread, in the libraries of arrays too."""

import os
import subprocess
import sys

import pytest
from locations import ROOT

PROGRAM = """
import stages.attack, numpy, scipy.linalg
from threadpoolctl import threadpool_info
print({library["num_threads"] for library in threadpool_info() if library["internal_api"] == "openblas"})
"""


@pytest.mark.parametrize("wanted", [None, "7"])
def test_arrays_have_one_thread(wanted: str | None) -> None:
    """Whatever the machine has, and whatever the environment asks for: on one core, several wait for each other."""
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    if wanted is not None:
        environment["OPENBLAS_NUM_THREADS"] = wanted
    run = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, cwd=ROOT, env=environment
    )
    if run.stdout.strip() == "set()":
        pytest.skip("NumPy computes with another library here")
    assert run.stdout.strip() == "{1}"
