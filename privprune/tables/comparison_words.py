"""How the number and the bound of a comparison are written: with sign, unit and relation, the same everywhere."""

from collections.abc import Sequence

from privprune.published import METRICS, Comparison, attack_label
from privprune.published.metric import Unit
from privprune.tables.numbers_as_text import plain, signed, with_interval
from privprune.verdicts import ComparisonResult
from privprune.verdicts.fair_tests import VERSUS

_SIGNS = {"at_most": "≤", "below": "<", "at_least": "≥", "above": ">"}
_WORDS = {"at_most": "at most", "below": "below", "at_least": "at least", "above": "above"}
_OF_DIFFERENCES = {"percent": " points", "times": "\N{MULTIPLICATION SIGN}", "epochs": " epochs"}
_OF_VALUES = {"percent": " %", "times": "\N{MULTIPLICATION SIGN}", "epochs": " epochs"}


def unit_of(comparison: Comparison) -> Unit:
    """Return the unit of a comparison's result."""
    if comparison.measure in ("rank_correlation", "ratio"):
        return "ratio" if comparison.measure == "ratio" else "rank correlation"
    return METRICS[comparison.metric].unit


def is_difference(comparison: Comparison) -> bool:
    """Return whether the result is a difference of two values, which is written with its sign."""
    return comparison.measure in ("difference", "matched")


def value(comparison: Comparison, number: float) -> str:
    """Return a number of a comparison, without unit."""
    return (signed if is_difference(comparison) else plain)(number, unit_of(comparison))


def estimated(result: ComparisonResult) -> str:
    """Return the measured number with its interval, without unit: `-2.28 [-3.14, -1.41]`."""
    comparison = result.comparison
    unit, difference = unit_of(comparison), is_difference(comparison)
    return with_interval(result.mean, result.low, result.high, unit, difference=difference)


def estimated_with_unit(result: ComparisonResult) -> str:
    """Return the same for a sentence: `-2.28 points [-3.14, -1.41]`; an unknown amount where nothing was measured."""
    if result.mean is None:
        return "an unknown amount"
    number, bracket, interval = estimated(result).partition(" [")
    return f"{number}{_unit_word(result.comparison)}{bracket}{interval}"


def attack_words(attack: str, strongest_on: Sequence[tuple[str, str]] = ()) -> str:
    """Return the labels of the attacks behind a comparison, and on which cell each was where they differ.

    Two are those on the first and the second cell; of more, each attack stands with the cells that met it.
    """
    if len(strongest_on) > 2:
        kinds = dict.fromkeys(kind for _, kind in strongest_on)
        return "; ".join(f"{attack_label(kind)} on {_on(kind, strongest_on)}" for kind in kinds)
    if VERSUS in attack:
        first, second = (attack_label(one) for one in attack.split(VERSUS))
        return f"{first} on the first, {second} on the second"
    return ", ".join(attack_label(one) for one in attack.split(", "))


def _on(attack: str, strongest_on: Sequence[tuple[str, str]]) -> str:
    """Return the names of the cells that met an attack."""
    *others, last = (cell for cell, one in strongest_on if one == attack)
    return f"{', '.join(others)} and {last}" if others else last


def bound_in_signs(comparison: Comparison) -> str:
    """Return the bound for a table: its relation as a sign, no unit."""
    return f"{_SIGNS[comparison.holds]} {value(comparison, comparison.bound)}"


def bound_in_words(comparison: Comparison) -> str:
    """Return the bound for a sentence: `at most -0.50 points`."""
    return f"{_WORDS[comparison.holds]} {value(comparison, comparison.bound)}{_unit_word(comparison)}"


def _unit_word(comparison: Comparison) -> str:
    words = _OF_DIFFERENCES if is_difference(comparison) else _OF_VALUES
    return words.get(unit_of(comparison), "")
