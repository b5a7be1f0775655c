"""What a mean over seeds owes to the records that its seeds share, as a record stores it: small, and comparable."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DRAWS = 400  # of the records; they give a standard deviation to 3.5 % (1 / sqrt(2 x 400))
_STEPS = 127  # of one byte, on either side of zero


@dataclass(frozen=True)
class RecordPart:
    """By how much a measure changes with the draw of the records, in two halves of the seeds.

    Seeds that share records err together: the noise of a record does not average out over them. How much is the
    covariance between seeds over bootstrap draws of the records, and it is estimated from the means of two halves of
    the seeds, since a covariance between them has nothing of the noise that each seed has of its own. Student's t over
    seeds sees that noise and nothing of what is shared, so the two parts add up (`verdicts.statistics`). Of a
    difference between two cells with the same draws it is the covariance of the halves' differences.

    Attributes:
        draws: names the draws: measures with the same name were drawn together.
        records: number of different records that were drawn.
        halves: [2, draws], the measure on each draw less its value on the records as they are, mean over the first,
            third, fifth ... seed and mean over the others.

    """

    draws: str
    records: int
    halves: Array

    @classmethod
    def of(cls, deviations: Array, draws: str, records: int) -> RecordPart:
        """Average the deviations of each seed, [seeds, draws]; there are two seeds or more."""
        first = deviations[:, :DRAWS]
        return cls(f"{draws}-{first.shape[1]}", records, np.stack([first[0::2].mean(axis=0), first[1::2].mean(axis=0)]))

    def times(self, factor: float) -> RecordPart:
        """Return the part of a measure that is multiplied by a factor."""
        return replace(self, halves=factor * self.halves)

    def as_record(self) -> dict[str, Any]:
        """Return plain data for JSON, about a kilobyte: one byte per number, whose step is 1/127 of the largest."""
        largest = np.abs(self.halves).max(axis=1)
        steps = np.divide(self.halves, largest[:, None], out=np.zeros_like(self.halves), where=largest[:, None] > 0)
        coded = np.round(_STEPS * steps).astype(np.int8)
        text = [base64.b64encode(half.tobytes()).decode("ascii") for half in coded]
        return {"draws": self.draws, "records": self.records, "largest": largest.tolist(), "halves": text}

    @classmethod
    def from_record(cls, content: Mapping[str, Any]) -> RecordPart:
        """Return what `as_record` wrote."""
        halves = [np.frombuffer(base64.b64decode(half), dtype=np.int8) for half in content["halves"]]
        scale = np.array(content["largest"], dtype=np.float64)[:, None] / _STEPS
        return cls(str(content["draws"]), int(content["records"]), scale * np.stack(halves))


def shared_variance(halves: Array) -> tuple[float, float]:
    """Return the variance of a mean over seeds that is due to shared records, and its degrees of freedom.

    The covariance of the two halves; where it comes out below zero, as it does in half of all cases in which nothing is
    shared, it is zero. Its degrees of freedom follow from the variance of a covariance of normal numbers,
    (v1 v2 + c^2) / draws.

    Args:
        halves: [2, draws], see `RecordPart`.

    """
    draws = halves.shape[1]
    if draws < 2:
        return 0.0, 1.0
    (first, shared), (_, second) = np.cov(halves)
    if shared <= 0:
        return 0.0, 1.0
    return float(shared), float(2 * (draws - 1) * shared**2 / (first * second + shared**2))
