"""The check that networks have learnt something."""

import pytest

from privprune.training.has_learnt import has_learnt
from privprune.training.trained import Trained


def trained(*networks: tuple[float, float]) -> Trained:
    """Return trainings with these accuracies: of the network, and of a constant answer."""
    train, constant = (list(column) for column in zip(*networks, strict=True))
    return Trained({}, (), {"train_accuracy": train, "constant_accuracy": constant})


def test_a_constant_answer_has_not_learnt() -> None:
    """One network that answers as often right as a constant answer fails the cell, however good the others are."""
    assert has_learnt(trained((0.9, 0.1), (0.3, 0.1))).passed
    assert not has_learnt(trained((0.9, 0.1), (0.1, 0.1))).passed
    assert not has_learnt(trained((0.104, 0.1))).passed


def test_the_gain_is_a_share_of_what_is_left_to_learn() -> None:
    """Where one class has 90 % of the records, 95 % of right answers are half of what a constant answer gets wrong."""
    assert has_learnt(trained((0.95, 0.9))).measured == pytest.approx(0.5)
    assert not has_learnt(trained((0.9, 0.9))).passed


def test_an_accuracy_that_was_not_measured_fails() -> None:
    """As any number that could not be computed."""
    found = has_learnt(Trained({}, (), {}))
    assert (found.measured, found.passed) == (None, False)
