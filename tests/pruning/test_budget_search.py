"""Which budget Algorithm 1 takes."""

import math
from typing import Any

import numpy as np
import pytest

from privprune.errors import UserError
from privprune.pruning import Candidate, SearchSettings, choose_budget
from privprune.pruning.search import standard_error, standard_errors_apart
from privprune.settings import read

DENSE = (0.90, 0.92)


def candidate(
    ratio: float, accuracy: tuple[float, ...], gain: tuple[float, ...], error: float = 0.001, **changed: Any
) -> Candidate:
    """Return a candidate whose mean gain has a small error."""
    return Candidate(
        **{
            "ratio": ratio,
            "selection_accuracy": accuracy,
            "gain": gain,
            "standard_error": error,
            "attack": "nasr",
            **changed,
        }
    )


def test_the_smallest_mean_gain_wins_among_the_accurate() -> None:
    """A smaller gain at the price of more accuracy than allowed does not count."""
    candidates = [
        candidate(2.0, (0.91, 0.91), (-1.20, -1.30)),
        candidate(8.0, (0.90, 0.91), (-1.30, -1.34)),
        candidate(10.0, (0.91, 0.90), (-1.36, -1.26)),
        candidate(32.0, (0.10, 0.90), (-1.386, -1.386)),
    ]
    choice = choose_budget(candidates, DENSE, 0.01)
    assert (choice.candidate.ratio, choice.within_drop) == (8.0, True)
    assert choice.margin == pytest.approx(0.01 / (0.001 * 2**0.5))
    assert choice.ties == (candidates[1],)
    assert choose_budget(candidates[::-1], DENSE, 0.01) == choice
    assert choose_budget(candidates, DENSE, 1.0).candidate.ratio == 32.0


def test_the_drop_is_that_of_the_mean_over_networks() -> None:
    """One network may lose more than another; exactly the allowed drop is allowed."""
    even = candidate(4.0, (0.75, 0.75), (-1.0, -1.0))
    uneven = candidate(8.0, (0.5, 1.0), (-1.1, -1.1))
    choice = choose_budget([even, uneven], (1.0, 1.0), 0.25)
    assert choice.candidate is uneven
    assert choice.within_drop
    assert not choose_budget([even, uneven], (1.0, 1.0), 0.24).within_drop


def test_tied_gains_go_to_the_more_accurate_then_to_the_sparser() -> None:
    """Less than a standard error apart is no difference; the choice does not hang on the order of the candidates."""
    found = ((2.0, 0.9, -1.33), (4.0, 0.92, -1.32), (8.0, 0.92, -1.325), (16.0, 0.95, -1.2))
    tied = [candidate(ratio, (accuracy,), (gain,), error=0.02) for ratio, accuracy, gain in found]
    choice = choose_budget(tied, (0.9,), 0.1)
    assert choice.candidate.ratio == 8.0
    assert {one.ratio for one in choice.ties} == {2.0, 4.0, 8.0}
    assert choice.margin < 1
    assert choose_budget(tied[::-1], (0.9,), 0.1).candidate.ratio == 8.0


def test_without_an_accurate_candidate_the_most_accurate_is_taken_and_marked() -> None:
    """The fallback says that it is one, and has no margin."""
    candidates = [
        candidate(16.0, (0.4,), (-1.38,)),
        candidate(8.0, (0.7,), (-1.2,)),
        candidate(20.0, (0.6,), (-1.3,)),
    ]
    choice = choose_budget(candidates, (0.9,), 0.01)
    assert (choice.candidate.ratio, choice.within_drop, choice.ties) == (8.0, False, ())
    assert math.isnan(choice.margin)


def test_one_accurate_candidate_has_no_margin() -> None:
    """There is nothing that it differs from."""
    assert math.isnan(choose_budget([candidate(2.0, (0.9,), (-1.2,))], (0.9,), 0.01).margin)


def test_differences_are_measured_in_standard_errors_of_the_difference() -> None:
    """Errors of two gains add up in squares; without any error every difference counts."""
    low, high = candidate(2.0, (0.9,), (-1.3,), error=0.03), candidate(4.0, (0.9,), (-1.2,), error=0.04)
    assert standard_errors_apart(low, high) == pytest.approx(2.0)
    exact = [candidate(2.0, (0.9,), (gain,), error=0.0) for gain in (-1.3, -1.2)]
    assert standard_errors_apart(exact[0], exact[1]) == math.inf
    assert standard_errors_apart(exact[0], exact[0]) == 0


def test_the_error_over_networks_and_shared_records_is_that_of_a_simulation() -> None:
    """Networks score the same records: the deviation of the mean over repetitions is what is estimated."""
    chance = np.random.default_rng(1)
    means, errors = [], []
    for _ in range(800):
        records = chance.normal(0, 1.0, 40)
        scores = records + chance.normal(0, 0.2, (5, 1)) + chance.normal(0, 0.3, (5, 40))
        means.append(scores.mean())
        own = scores.std(axis=1, ddof=1) / 40**0.5
        errors.append(standard_error(scores.mean(axis=1).tolist(), own.tolist()))
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.08)


@pytest.mark.parametrize("ratios", [[], [2, 4, 2]])
def test_a_search_has_different_candidates(ratios: list[float]) -> None:
    """No candidate or the same one twice is a mistake."""
    with pytest.raises(UserError, match=r"search: ratios: found .*, allowed at least one, all different"):
        read(SearchSettings, {"ratios": ratios, "largest_drop": 0.01}, "search")
