"""The benchmark of the pruned edge runs and compares what it says; how fast anything is, no test asserts."""

import subprocess
import sys
from pathlib import Path

from benchmarks import edge_speed
from privprune.models import count_parameters

ROOT = Path(__file__).parent.parent


def test_the_pruned_edge_has_lost_what_is_said() -> None:
    """At least 92 % of the parameters are gone, and one channel more in the stem would be too many."""
    dense, pruned = count_parameters(edge_speed.edge(1.0)), edge_speed.narrowed()
    assert dense == 1_602_112
    assert count_parameters(pruned) <= 0.08 * dense
    channels = pruned.stem.conv.out_channels
    assert count_parameters(edge_speed.edge((channels + 1) / 64)) > 0.08 * dense


def test_it_runs() -> None:
    """Each runtime has its row, in a process of its own: the exporter leaves a state in which forked workers die."""
    command = [sys.executable, "-m", "benchmarks", edge_speed.NAME, "--quick"]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S603 (our own)
    for runtime in edge_speed.RUNTIMES.values():
        assert f"{runtime}: dense against 92." in output
