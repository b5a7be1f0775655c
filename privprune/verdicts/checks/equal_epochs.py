"""Equal epochs: a network that was trained for longer than what it is compared with has an advantage of its own."""

from collections.abc import Sequence

from privprune.checks import Check, check, not_computed
from privprune.verdicts.measured_cells import MeasuredCell
from privprune.verdicts.training_stages import epochs_apart

NAME = "equal epochs"
LARGEST_SHARE = 0.1  # by which the fewer epochs may fall short of the more; our choice


def equal_epochs(cell: MeasuredCell, others: Sequence[MeasuredCell]) -> Check:
    """Compare the epochs of a cell and of those it is compared with, from their last common ancestor on.

    A pruned network continues a trained one. Against a network that was trained anew its epochs are those of both
    stages; against another continuation of the same network, those of the continuation; and against the network that
    it started from, none of that network's own epochs count.
    """
    shares, words = [], []
    for other in others:
        if cell.lineage is None or other.lineage is None:
            unknown = cell.cell if cell.lineage is None else other.cell
            return not_computed(NAME, "at most", LARGEST_SHARE, f"the record of what {unknown} started from is missing")
        here, there = epochs_apart(cell.lineage, other.lineage)
        shares.append(abs(here - there) / max(here, there, 1))
        words.append(f"{cell.cell} {here}, {other.cell} {there}")
    reason = f"share by which the epochs differ after the common ancestor: {'; '.join(words)}"
    return check(NAME, shares, "at most", LARGEST_SHARE, reason)
