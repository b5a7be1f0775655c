"""A true positive rate at a low false positive rate rests on enough non-members."""

from __future__ import annotations

from collections.abc import Sequence

from privprune.checks import Check, check
from privprune.metrics.membership import Scores
from privprune.metrics.ranking import LOW_FPR

ACCEPTED = 10  # non-members above the threshold: the false positive rate is then known to about a third, 1 / sqrt(10)
NAME = "enough non-members for "  # followed by the metric; a failed check concerns this metric alone


def enough_nonmembers(scores: Sequence[Scores]) -> tuple[Check, ...]:
    """Check for each false positive rate f that there are at least 10 / f judged non-members.

    With fewer, the threshold lies at one of the few highest scores of non-members, and the rate is that of the draw.
    The check's name ends with the metric that it is about; the attack's other numbers do not rest on it.
    """
    counts = [float(len(one.nonmembers)) for one in scores]
    reason = "non-members on which the attack is judged"
    return tuple(
        check(f"{NAME}{metric}", counts, "at least", round(ACCEPTED / rate), reason) for metric, rate in LOW_FPR.items()
    )
