"""Which budget Algorithm 1 takes."""

import pytest

from privprune.errors import UserError
from privprune.pruning import Candidate, SearchSettings, choose_budget
from privprune.settings import read

DENSE = (0.90, 0.92)


def test_the_smallest_mean_gain_wins_among_the_accurate() -> None:
    """A smaller gain at the price of more accuracy than allowed does not count."""
    candidates = [
        Candidate(2.0, (0.91, 0.91), (-1.20, -1.30)),
        Candidate(8.0, (0.90, 0.91), (-1.30, -1.34)),
        Candidate(10.0, (0.91, 0.90), (-1.36, -1.26)),
        Candidate(32.0, (0.10, 0.90), (-1.386, -1.386)),
    ]
    choice = choose_budget(candidates, DENSE, 0.01)
    assert (choice.candidate.ratio, choice.within_drop) == (8.0, True)
    assert choose_budget(candidates[::-1], DENSE, 0.01) == choice
    assert choose_budget(candidates, DENSE, 1.0).candidate.ratio == 32.0


def test_the_drop_is_that_of_the_mean_over_networks() -> None:
    """One network may lose more than another; exactly the allowed drop is allowed."""
    even = Candidate(4.0, (0.75, 0.75), (-1.0, -1.0))
    uneven = Candidate(8.0, (0.5, 1.0), (-1.1, -1.1))
    choice = choose_budget([even, uneven], (1.0, 1.0), 0.25)
    assert choice.candidate is uneven
    assert choice.within_drop
    assert not choose_budget([even, uneven], (1.0, 1.0), 0.24).within_drop


def test_equal_gains_go_to_the_more_accurate_then_to_the_sparser() -> None:
    """The choice does not hang on the order of the candidates."""
    equal = [Candidate(ratio, (accuracy,), (-1.3,)) for ratio, accuracy in ((2.0, 0.9), (4.0, 0.92), (8.0, 0.92))]
    assert choose_budget(equal, (0.9,), 0.1).candidate.ratio == 8.0
    assert choose_budget(equal[::-1], (0.9,), 0.1).candidate.ratio == 8.0


def test_without_an_accurate_candidate_the_most_accurate_is_taken_and_marked() -> None:
    """The fallback says that it is one."""
    candidates = [Candidate(16.0, (0.4,), (-1.38,)), Candidate(8.0, (0.7,), (-1.2,)), Candidate(20.0, (0.6,), (-1.3,))]
    choice = choose_budget(candidates, (0.9,), 0.01)
    assert (choice.candidate.ratio, choice.within_drop) == (8.0, False)


@pytest.mark.parametrize("ratios", [[], [2, 4, 2]])
def test_a_search_has_different_candidates(ratios: list[float]) -> None:
    """No candidate or the same one twice is a mistake."""
    with pytest.raises(UserError, match=r"search: ratios: found .*, allowed at least one, all different"):
        read(SearchSettings, {"ratios": ratios, "largest_drop": 0.01}, "search")
