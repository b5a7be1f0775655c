"""The benchmark of intervals runs, and measures what it says."""

from __future__ import annotations

from benchmarks import intervals


def test_both_intervals_are_timed() -> None:
    """A mean and a membership attack, in seconds with the aim of two."""
    results = intervals.measure(intervals.QUICK)
    assert [result.unit for result in results] == ["s", "s"]
    assert all(result.value is not None and result.value >= 0 for result in results)
    assert {result.aim for result in results} == {2.0}
