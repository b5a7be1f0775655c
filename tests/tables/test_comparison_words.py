"""Numbers and bounds of comparisons in words: points behind differences only, each attack with the cell it is on."""

from __future__ import annotations

import pytest

from privprune.published import Comparison
from privprune.tables.comparison_words import attack_words, bound_in_signs, bound_in_words

MINUS = "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("measure", "metric", "holds", "bound", "words", "signs"),
    [
        ("difference", "attack_accuracy", "at_most", -0.5, f"at most {MINUS}0.50 points", f"≤ {MINUS}0.50"),
        ("matched", "attack_accuracy", "above", -0.5, f"above {MINUS}0.50 points", f"> {MINUS}0.50"),
        ("value", "edge_removed", "at_least", 90.0, "at least 90.00 %", "≥ 90.00"),
        ("ratio", "decoder_train_mse", "above", 1.0, "above 1.000", "> 1.000"),
    ],
)
def test_bounds_have_their_sign_and_unit(
    measure: str, metric: str, holds: str, bound: float, words: str, signs: str
) -> None:
    """A difference has a sign and points, a share its per cent, a ratio nothing."""
    against = None if measure == "value" else "none"
    made = Comparison(measure=measure, metric=metric, of=("patrol",), against=against, holds=holds, bound=bound)  # type: ignore[arg-type]

    assert (bound_in_words(made), bound_in_signs(made)) == (words, signs)


def test_two_attacks_are_told_apart() -> None:
    """Of two cells each strongest attack stands with its cell; along a curve, with all of its cells."""
    assert attack_words("gap vs nasr") == "Gap on the first, Nasr on the second"
    assert attack_words("gap vs nasr", (("a", "gap"), ("b", "nasr"))) == "Gap on the first, Nasr on the second"
    along = (("a", "gap"), ("b", "nasr"), ("c", "gap"), ("d", "gap"))
    assert attack_words("gap, nasr, gap, gap", along) == "Gap on a, c and d; Nasr on b"
