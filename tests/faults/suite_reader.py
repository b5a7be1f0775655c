"""The property test of the suite's reader, with 10,000 examples."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

from tests.faults.bench import Bench, Outcome
from tests.support.clones import ROOT

EXAMPLES = 10_000
TEST = "tests/suite/test_mutated_suites.py"


def mutated(_: Bench) -> Iterator[Outcome]:
    """Read mutated suites, others each time."""
    environment = {**os.environ, "PRIVPRUNE_EXAMPLES": str(EXAMPLES)}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", TEST]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    falsified = re.findall(r"^E +(\S.*)$", ended.stdout, re.MULTILINE)
    found = ended.stdout.strip().splitlines()[-1].strip("= ") if not ended.returncode else " ".join(falsified)[:160]
    expected = "accepted, or one line, within two seconds"
    done = f"{EXAMPLES:,} mutated suites and {EXAMPLES // 5:,} mutated texts"
    yield Outcome("suite reader", done, expected, found.replace("|", "/"), passed=not ended.returncode)
