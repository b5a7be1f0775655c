"""The checks of inversion attacks: each passes where it should, and fails where it should."""

from __future__ import annotations

import numpy as np
import pytest

from privprune.attacks.inversion.checks.converged import optimisation_converged, training_converged
from privprune.attacks.inversion.checks.not_beaten import not_beaten_by
from privprune.attacks.inversion.checks.twice_the_budget import not_lowered_by_twice_the_budget

FLAT = [1.0, 0.5, 0.3, 0.2, 0.15, 0.11, 0.105, 0.1, 0.1, 0.0995]
FALLING = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]


@pytest.mark.parametrize(
    ("curves", "passed"),
    [
        ([FLAT, FLAT], True),
        ([FLAT, FALLING], False),  # the worst target counts
        ([[0.3, 0.1, 0.2]], True),  # the lowest error is behind it
        ([[0.3, 0.2, 0.1, 0.15]], True),
        ([[*FLAT[:-1], 0.096]], True),  # a fall of 4 %, as a rate that ends at nothing brings
        ([[*FLAT[:-1], 0.094]], False),
        ([[0.1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.099]], True),  # one epoch of many that scatter
        ([[0.3]], False),
    ],
)
def test_a_training_has_converged(curves: list[list[float]], passed: bool) -> None:
    """The lowest held-out error has fallen by less than 5 % at the end; one epoch tells nothing."""
    (found,) = training_converged(None, [{"loss": FALLING, "validation_loss": curve} for curve in curves])
    assert found.passed == passed
    assert (found.measured is None) == (curves == [[0.3]])


def test_a_training_without_held_out_records_cannot_tell() -> None:
    """What cannot be computed has failed, and says why."""
    (found,) = training_converged(None, [{"loss": FLAT}])
    assert (found.passed, found.measured) == (False, None)
    assert found.reason == "could not be computed: no records were held out (validation: 0)"


@pytest.mark.parametrize(("curve", "passed"), [(FLAT, True), (FALLING, False), ([0.0, 0.0], True), ([], False)])
def test_an_optimisation_has_converged(curve: list[float], passed: bool) -> None:
    """Its objective changes by less than 1 % over the last tenth of its steps."""
    (found,) = optimisation_converged(None, [{"loss": curve}])
    assert found.passed == passed


def test_an_attack_is_beaten_beyond_sampling_only() -> None:
    """A mean 10 % higher fails where the images agree, and passes where a few images make the difference."""
    trivial = np.full(100, 0.01)
    assert not not_beaten_by("LMMSE", [trivial * 1.1], [trivial]).passed
    assert not not_beaten_by("LMMSE", [trivial * 0.5, trivial * 1.1], [trivial, trivial]).passed
    rare = trivial.copy()
    rare[:1] += 0.1
    assert rare.mean() == pytest.approx(1.1 * trivial.mean())
    found = not_beaten_by("LMMSE", [rare], [trivial])
    assert found.passed
    assert found.name == "not beaten by LMMSE"
    assert not_beaten_by("LMMSE", [trivial], [trivial]).measured == 1.0


def test_one_image_decides_nothing() -> None:
    """Its sampling error is unknown."""
    assert not_beaten_by("LMMSE", [np.array([0.001])], [np.array([0.01])]).measured is None


@pytest.mark.parametrize(("doubled", "passed"), [(0.0096, True), (0.0104, True), (0.0094, False), (0.012, True)])
def test_twice_the_budget_makes_it_little_stronger(doubled: float, passed: bool) -> None:
    """Its error falls by less than 5 %; it may rise."""
    assert not_lowered_by_twice_the_budget(0.01, doubled).passed == passed
    assert not_lowered_by_twice_the_budget(0.0, doubled).measured is None
