"""The benchmark of the linear estimator runs, and says what it measured."""

from __future__ import annotations

from benchmarks import lmmse


def test_it_is_measured() -> None:
    """One row in seconds, with its three parts behind it."""
    (found,) = lmmse.measure(lmmse.QUICK)
    assert (found.unit, found.aim, found.better) == ("s", 1.0, "lower")
    assert found.value is not None
    assert found.value > 0
    assert all(part in found.note for part in ("products", "ridge", "estimates"))
