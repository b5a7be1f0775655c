"""Log-odds by logistic regression."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from privprune.metrics.calibration import calibration


def drawn(shift: float, members: int = 4000, nonmembers: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Draw signals of members and non-members from normal distributions with deviation 2."""
    chance = np.random.default_rng(3)
    return chance.normal(1 + shift, 2, members), chance.normal(1, 2, nonmembers)


def test_it_is_logistic_regression() -> None:
    """Slope and intercept are those of scikit-learn without a penalty, for many records."""
    members, nonmembers = drawn(1.5)
    found = calibration(members, nonmembers)
    signals = np.concatenate([members, nonmembers])[:, None]
    expected = LogisticRegression(C=1e9).fit(signals, np.r_[np.ones(len(members)), np.zeros(len(nonmembers))])
    assert found == pytest.approx((expected.coef_[0, 0], expected.intercept_[0]), abs=0.01)


def test_odds_are_equal_whatever_the_numbers() -> None:
    """Four times as many members do not move the log-odds."""
    assert calibration(*drawn(1.5, members=16_000)) == pytest.approx(calibration(*drawn(1.5)), abs=0.06)


def test_signals_that_separate_both_groups_stay_finite() -> None:
    """Platt's targets bound the log-odds of n records by about log n."""
    slope, intercept = calibration(np.arange(100.0) + 1000, np.arange(100.0) - 1000)
    assert 2 < slope * 1050 + intercept < 8


def test_a_constant_signal_says_nothing() -> None:
    """Its log-odds are 0."""
    slope, intercept = calibration(np.full(20, 3.0), np.full(20, 3.0))
    assert slope * 3 + intercept == pytest.approx(0, abs=1e-9)
