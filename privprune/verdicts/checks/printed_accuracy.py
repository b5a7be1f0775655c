"""Whether an attacked network is as accurate as the printed one: an attack on a worse one is another experiment."""

from privprune.checks import Check, check, not_computed
from privprune.published import Paper, PublishedNumber
from privprune.verdicts.measured_cells import MeasuredCell

NAME = "accuracy near the printed one"
_ACCURACIES = ("test_accuracy", "mean_average_precision")


def near_printed_accuracy(paper: Paper, number: PublishedNumber, cell: MeasuredCell) -> Check | None:
    """Compare the utility of an attacked cell with the one that is printed in the row of an attack's number.

    The tolerance is the one declared for that row. None where the paper prints no utility for the row.

    Args:
        paper: its printed numbers.
        number: the printed number of an attack.
        cell: the cell that measures it.

    """
    printed = _in_the_same_row(paper, number)
    if printed is None:
        return None
    width, measured = printed.tolerance.width(printed.value), cell.numbers.get(printed.metric)
    if measured is None:
        return not_computed(NAME, "at most", width, f"{printed.metric} was not measured")
    distance = abs(measured.mean - printed.value)
    if printed.tolerance.allows(printed.value, measured.mean):
        distance = min(distance, width)  # at its edge, where decimals are equal and binary numbers are not
    return check(
        NAME, [distance], "at most", width, f"distance of {measured.mean:.2f} from the printed {printed.printed}"
    )


def _in_the_same_row(paper: Paper, number: PublishedNumber) -> PublishedNumber | None:
    """Return the printed utility of a number's row, of the same table where there are several."""
    found = [
        one
        for one in paper.numbers
        if one.metric in _ACCURACIES
        and (one.model, one.method) == (number.model, number.method)
        and number.dataset in (one.dataset, *paper.covers.get(one.dataset, ()))
    ]
    return min(found, key=lambda one: one.table != number.table, default=None)
