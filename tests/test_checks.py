"""Checks: the worst of several values counts, and what could not be computed has failed."""

import math

import pytest

from privprune.checks import Relation, check, not_computed


@pytest.mark.parametrize(
    ("relation", "values", "worst", "passed"),
    [
        ("at least", [3.0, 1.0], 1.0, True),
        ("at least", [3.0, 0.9], 0.9, False),
        ("above", [3.0, 1.0], 1.0, False),
        ("at most", [0.5, 1.0], 1.0, True),
        ("at most", [0.5, 1.1], 1.1, False),
        ("below", [0.5, 1.0], 1.0, False),
    ],
)
def test_the_worst_target_decides(relation: Relation, values: list[float], worst: float, passed: bool) -> None:
    """A check passes only if the worst of the targets is on the right side of the bound."""
    result = check("gain", values, relation, 1.0, "gain of the adversary")
    assert (result.measured, result.passed) == (worst, passed)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_what_cannot_be_computed_has_failed(values: list[float]) -> None:
    """No value, or one that is not finite, is a failed check that says so."""
    result = check("gain", values, "at least", 0.0, "gain of the adversary")
    assert not result.passed
    assert result.measured is None
    assert "could not be computed" in result.reason


def test_a_check_without_number_has_failed() -> None:
    """A check that names why there is no number has failed."""
    assert not not_computed("residual", "at most", 0.01, "no curve").passed
