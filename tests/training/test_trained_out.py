"""The check that networks are trained out."""

import math

import pytest

from privprune.training.trained import Trained
from privprune.training.trained_out import trained_out


def curves(*targets: list[float], phases: tuple[tuple[str, int], ...] | None = None) -> Trained:
    """Return trainings with these losses."""
    rows = [list(row) for row in zip(*targets, strict=True)]
    return Trained({"loss": rows}, phases or (("train", len(rows)),), {})


FLAT = [2.3 * 0.5**epoch for epoch in range(20)]
FALLING = [2.3 - 0.07 * epoch for epoch in range(20)]


def test_a_loss_that_has_settled_passes_and_one_that_falls_fails() -> None:
    """The worst target decides; the change is that between the last two tenths, over the peak."""
    assert trained_out(curves(FLAT)).passed
    found = trained_out(curves(FLAT, FALLING))
    assert not found.passed
    assert found.measured == pytest.approx(0.14 / 2.3)
    assert (found.relation, found.bound) == ("below", 0.05)


def test_a_loss_that_rises_is_not_settled() -> None:
    """The sign of the change does not matter."""
    assert not trained_out(curves(FALLING[::-1])).passed


def test_the_last_phase_is_judged() -> None:
    """A fall before retraining does not count, one during retraining does."""
    phases = (("admm", 20), ("retrain", 4))
    assert trained_out(curves([*FALLING, 0.3, 0.2, 0.2, 0.2], phases=phases)).passed
    assert not trained_out(curves([*FLAT, 2.0, 1.5, 1.0, 0.5], phases=phases)).passed


def test_a_training_that_starts_low_is_measured_in_nats() -> None:
    """A doubling from 0.001 is no change; without a high beginning the scale is one nat."""
    found = trained_out(curves([0.002, 0.001, 0.001, 0.002]))
    assert found.measured == pytest.approx(0.001)
    assert found.passed


@pytest.mark.parametrize("epochs", [0, 1])
def test_too_short_a_training_cannot_be_judged(epochs: int) -> None:
    """It counts as failed, and says why."""
    found = trained_out(Trained({"loss": [[1.0]] * epochs}, (("train", epochs),), {}))
    assert (found.measured, found.passed) == (None, False)
    assert "needed are 2" in found.reason


def test_a_loss_that_is_not_a_number_fails() -> None:
    """As any number that could not be computed."""
    assert not trained_out(curves([1.0, math.nan])).passed
