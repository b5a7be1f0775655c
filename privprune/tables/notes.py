"""Notes under tables: how to read the intervals, and the notes of the data sets."""

from collections.abc import Iterable

from privprune.verdicts import MeasuredCell

INTERVALS = (
    "Measured: mean over seeds [95 % interval].",
    "Intervals of attack measures: bootstrap over seeds and records; records that seeds share are drawn once.",
    "Intervals of all others: Student's t over seeds, with the noise of test records that they share.",
)
DIFFERENCES = (
    "Student's t over seeds, with the noise of records that they share; seeds only: the record does not say how much."
)


def data_notes(cells: Iterable[MeasuredCell]) -> tuple[str, ...]:
    """Return the note of every data set that is used, each once."""
    return tuple(dict.fromkeys(f"Data set {cell.data}: {cell.note}." for cell in cells if cell.note))
