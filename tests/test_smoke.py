"""What the smoke run checks: a number that breaks its bound is seen. `tests/stages` tests the run, in parts."""

from __future__ import annotations

import pytest

from tests.smoke import EXPECTED, checked

GOOD = {name: (expected.low + expected.high) / 2 for name, expected in EXPECTED.items()}


def test_good_numbers_pass() -> None:
    """Numbers within all bounds pass, the bounds themselves too."""
    for chosen in (
        GOOD,
        {name: one.low for name, one in EXPECTED.items()},
        {name: one.high for name, one in EXPECTED.items()},
    ):
        assert all(passed for passed, _ in checked(chosen))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_number_out_of_its_bounds_fails(name: str) -> None:
    """One number below or above its bounds fails its own check and no other; so does what is not a number."""
    for value in (EXPECTED[name].low - 0.001, EXPECTED[name].high + 0.001, float("nan")):
        lines = list(checked({**GOOD, name: value}))
        failed = [line for passed, line in lines if not passed]
        assert len(failed) == 1
        assert failed[0].startswith(EXPECTED[name].what)
