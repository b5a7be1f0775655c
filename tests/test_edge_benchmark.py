"""The benchmark of the pruned edge runs and compares what it says; how fast anything is, no test asserts."""

from benchmarks import edge_speed
from privprune.models import count_parameters


def test_the_pruned_edge_has_lost_what_is_said() -> None:
    """At least 92 % of the parameters are gone, and one channel more in the stem would be too many."""
    dense, pruned = count_parameters(edge_speed.edge(1.0)), edge_speed.narrowed()
    assert dense == 1_602_112
    assert count_parameters(pruned) <= 0.08 * dense
    channels = pruned.stem.conv.out_channels
    assert count_parameters(edge_speed.edge((channels + 1) / 64)) > 0.08 * dense


def test_it_runs() -> None:
    """Each runtime has its ratio and its aim."""
    results = edge_speed.measure(edge_speed.QUICK)
    assert [result.aim for result in results] == [3.0, 3.0]
    assert all(result.value is not None and result.value > 0 for result in results)
