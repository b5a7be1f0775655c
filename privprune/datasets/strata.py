"""Strata: records by their class, from which samples are drawn that have given class frequencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Records = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Strata:
    """The class of every record of a dataset.

    Attributes:
        classes: int64 [records], each in [0, number); numbered anew, without gaps.
        number: of classes.

    """

    classes: Records
    number: int

    @classmethod
    def of(cls, labels: Records) -> Strata:
        """Build the strata from labels of any values, int64 [records]."""
        names, classes = np.unique(labels, return_inverse=True)
        return cls(classes.astype(np.int64), len(names))

    def counts(self, records: Records) -> Records:
        """Count the records of each class, int64 [number]."""
        return np.bincount(self.classes[records], minlength=self.number)

    def divided(self, candidates: Records, size: int, frequencies: Records | None = None) -> tuple[Records, Records]:
        """Divide candidates into a sample and the others.

        Args:
            candidates: int64 [n], positions of records; of each class the first ones are taken.
            size: of the sample, at most n.
            frequencies: records of each class by which the sample is divided among the classes; None for those of the
                candidates. A class with too few candidates gives all of them, and the others what it lacks.

        Returns:
            the sample, int64 [size], and the others, [n - size], each in the order of the candidates.

        """
        available = self.counts(candidates)
        wanted = apportioned(size, available if frequencies is None else frequencies, available)
        classes = self.classes[candidates]
        order = np.argsort(classes, kind="stable")
        rank = np.empty_like(order)  # how many candidates of its class stand before each
        rank[order] = np.arange(len(order)) - (np.cumsum(available) - available)[classes[order]]
        taken = rank < wanted[classes]
        return candidates[taken], candidates[~taken]


def apportioned(size: int, frequencies: Records, available: Records) -> Records:
    """Divide a size among classes in proportion to frequencies, by the largest remainders.

    Each class gets its share rounded down or up, unless it lacks records; of equal remainders the first class is
    rounded up. What classes lack is divided among the others in proportion to what they have left.

    Args:
        size: at most the sum of `available`.
        frequencies: int64 [classes], in any unit.
        available: int64 [classes], the most that each class can give.

    Returns:
        int64 [classes], whose sum is `size`.

    """
    given = np.zeros_like(available)
    weights = frequencies
    while (missing := size - int(given.sum())) > 0:
        left = available - given
        weights = np.where(left > 0, weights, 0)
        if not weights.any():
            weights = left
        total = int(weights.sum())
        floors, remainders = np.divmod(missing * weights, total)
        rounded = floors.copy()
        rounded[np.argsort(-remainders, kind="stable")[: missing - int(floors.sum())]] += 1
        given = given + np.minimum(rounded, left)
    return given
