"""All figures of one paper."""

from __future__ import annotations

from collections.abc import Sequence

from privprune.plots import answers, inversion, membership, patrol, printed
from privprune.plots.drawing import Drawing
from privprune.published import Paper
from privprune.records import Record
from privprune.verdicts import Evaluation, with_edge_operations


def draw(records: Sequence[Record], evaluation: Evaluation, paper: Paper) -> list[Drawing]:
    """Draw every figure for which the records have the numbers, in the order that a report shows them.

    Args:
        records: all records of the paper in one suite.
        evaluation: the evaluation of the suite for this paper.
        paper: what the paper prints.

    """
    counted = with_edge_operations(evaluation)
    return [*answers.draw(counted, paper), *_of_threat(records, counted, paper)]


def _of_threat(records: Sequence[Record], evaluation: Evaluation, paper: Paper) -> list[Drawing]:
    # Cells that were attacked under the other threat as well are shown in the figure of the cross matrix.
    if "patrol" in paper.defences:
        return patrol.draw(records, evaluation, paper)
    if paper.threat == "inversion":
        return [*inversion.draw(records, evaluation, paper), *printed.draw(evaluation, paper)]
    return [*printed.draw(evaluation, paper), *membership.draw(records, evaluation)]
