"""The true negative rate at a low false negative rate."""

from __future__ import annotations

import numpy as np
import pytest

from privprune.metrics.membership import Scores


def true_negative_rate(members: np.ndarray, nonmembers: np.ndarray, fnr: float) -> float:
    """Return the measure of one target."""
    scores = Scores(members.astype(np.float64), nonmembers.astype(np.float64), 0.0)
    return float(scores.ranking.tnr_at_fnr(np.array([fnr]))[0, 0])


def naive(members: np.ndarray, nonmembers: np.ndarray, fnr: float) -> float:
    """Try every threshold."""
    thresholds = [*np.unique(np.concatenate([members, nonmembers])), np.inf]
    allowed = [
        float((nonmembers < threshold).mean())
        for threshold in thresholds
        if (members < threshold).mean() <= fnr + 1e-12
    ]
    return max(allowed)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("fnr", [0.0, 0.05, 0.5, 1.0])
def test_it_equals_a_search_over_all_thresholds(seed: int, fnr: float) -> None:
    """Ties included."""
    draw = np.random.default_rng(seed)
    members, nonmembers = draw.integers(3, 12, 40) / 2, draw.integers(0, 10, 30) / 2
    assert true_negative_rate(members, nonmembers, fnr) == pytest.approx(naive(members, nonmembers, fnr))


def test_non_members_in_the_tail_are_counted() -> None:
    """Members' losses end at 1; of ten non-members three have a higher one."""
    losses = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 2.0, 3.0, 4.0])
    assert true_negative_rate(-np.linspace(0, 1, 50), -losses, 0.0) == pytest.approx(0.3)
    assert true_negative_rate(-np.linspace(0, 9, 50), -losses, 0.0) == 0


def test_equal_distributions_give_about_the_rate_itself() -> None:
    """Where nothing tells members apart, refusing 5 % of them refuses 5 % of the non-members."""
    draw = np.random.default_rng(0)
    found = true_negative_rate(draw.exponential(size=20_000), draw.exponential(size=20_000), 0.05)
    assert found == pytest.approx(0.05, abs=0.01)


def test_it_is_the_true_positive_rate_of_the_other_side() -> None:
    """With the sides exchanged and the signs turned, it is `tpr_at_fpr`."""
    draw = np.random.default_rng(1)
    scores = Scores(draw.normal(1, 1, 60), draw.normal(0, 1, 50), 0.0)
    turned = Scores(-scores.nonmembers, -scores.members, 0.0)
    rates = np.array([0.01, 0.1, 0.4])
    np.testing.assert_allclose(scores.ranking.tnr_at_fnr(rates), turned.ranking.tpr_at_fpr(rates))
