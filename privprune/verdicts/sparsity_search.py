"""The candidates of MIA-Pruning's Algorithm 1, read from the record of a search for the sparsity."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from privprune.records import Record
from privprune.verdicts.statistics import Estimate, estimate_over_seeds


@dataclass(frozen=True)
class SearchCandidate:
    """One candidate of MIA-Pruning's Algorithm 1, measured on the selection records; ratio 1 is the dense network.

    Attributes:
        ratio: all weights / weights left.
        accuracy: percent, over seeds.
        gain: of the inference network, Equation 1; -log 4 is guessing.
        chosen: whether Algorithm 1 chose it.
        within_drop: whether the chosen candidate has the accuracy that was asked for.

    """

    ratio: float
    accuracy: Estimate
    gain: Estimate
    chosen: bool
    within_drop: bool


def search_candidates(record: Record) -> tuple[SearchCandidate, ...]:
    """Return the candidates of a record; none where the sparsity was not searched for."""
    return tuple(_candidate(result) for result in record.search)


def _candidate(candidate: Mapping[str, Any]) -> SearchCandidate:
    return SearchCandidate(
        ratio=float(candidate["ratio"]),
        accuracy=estimate_over_seeds([100 * value for value in candidate["selection_accuracy"]], 0.0, 100.0),
        gain=estimate_over_seeds(candidate["gain"]),
        chosen=bool(candidate["chosen"]),
        within_drop=bool(candidate["within_drop"]),
    )
