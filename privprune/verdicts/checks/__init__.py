"""Checks that are made while a test is judged, one file each, beside those that the records already contain."""

from privprune.verdicts.checks.equal_attacks import attacked_alike, chosen_recorded
from privprune.verdicts.checks.equal_epochs import equal_epochs
from privprune.verdicts.checks.printed_accuracy import near_printed_accuracy
from privprune.verdicts.checks.printed_effect import could_show_printed_effect
from privprune.verdicts.checks.recorded import CheckOf, checks_on, failures, of_attack, of_cell

__all__ = [
    "CheckOf",
    "attacked_alike",
    "checks_on",
    "chosen_recorded",
    "could_show_printed_effect",
    "equal_epochs",
    "failures",
    "near_printed_accuracy",
    "of_attack",
    "of_cell",
]
