"""How well an attack infers membership: accuracies, AUC, TPR at low FPR, PPV, ROC, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from privprune.metrics.intervals import Array, Interval, bootstrap
from privprune.metrics.ranking import FPR_GRID, LOW_FPR, METRICS, Ranking
from privprune.metrics.record_draws import Counts, RecordDraws, Records

COMPARED = ("balanced_accuracy", "auc", *LOW_FPR)  # what claims compare between cells: their record parts are stored


@dataclass(frozen=True)
class Scores:
    """The scores that one attack gives to the evaluation records of one target model.

    Attributes:
        members: float64 [members]; the higher, the more likely a member.
        nonmembers: float64 [non-members].
        threshold: a record counts as a member where score >= threshold; set from what the attacker knows, never from
            these records.
        history: curves of the attack network's training, one number per epoch; empty for an attack without one.
        records: which records were scored, positions in the dataset: int64 [members] and [non-members]; None where
            that is not known.

    """

    members: Array
    nonmembers: Array
    threshold: float
    history: Mapping[str, list[float]] = field(default_factory=dict)
    records: tuple[Records, Records] | None = None

    def __post_init__(self) -> None:
        """Refuse scores for which no metric is defined.

        Raises:
            ValueError: empty, not a float64 vector, or NaN.

        """
        for name, scores in (("members", self.members), ("nonmembers", self.nonmembers)):
            if scores.ndim != 1 or scores.dtype != np.float64 or not len(scores) or np.isnan(scores).any():
                raise ValueError(f"scores of {name} must be a non-empty float64 vector without NaN")
        if self.records is not None and tuple(map(len, self.records)) != (len(self.members), len(self.nonmembers)):
            raise ValueError("scores: as many records as scores are needed")

    @cached_property
    def ranking(self) -> Ranking:
        """The records in the order of their scores, computed once."""
        return Ranking.of(self.members, self.nonmembers, self.threshold)


def point(scores: Scores) -> dict[str, float]:
    """Return all METRICS of one seed, without intervals."""
    return dict(zip(METRICS, scores.ranking.as_they_are()[: len(METRICS)].tolist(), strict=True))


@dataclass(frozen=True)
class Measured:
    """Metrics and ROC of one attack over all seeds, with 95 % intervals.

    Attributes:
        metrics: each of METRICS.
        roc: fpr, tpr (mean over seeds at that FPR, strict convention), low, high; each [grid].
        history: curve -> epochs x seeds.
        records: number of evaluated members and non-members, of the seed with the fewest.

    """

    metrics: dict[str, Interval]
    roc: dict[str, list[float]]
    history: dict[str, list[list[float]]]
    records: dict[str, int]

    def as_record(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        metrics = {name: interval.as_record() for name, interval in self.metrics.items()}
        return {"metrics": metrics, "roc": self.roc, "history": self.history, "records": self.records}


def measure(seeds: Sequence[Scores], resamples: int, generator: np.random.Generator) -> Measured:
    """Measure one attack on several targets that differ in their seed.

    Args:
        seeds: the attack's scores, one per target.
        resamples: of the bootstrap (`intervals.bootstrap`), which draws a record that several targets are scored on
            once for all of them, where all scores say which records they are of.
        generator: source of the bootstrap's draws, but for those of known records.

    """
    points = np.stack([scores.ranking.as_they_are() for scores in seeds])
    known = [scores.records for scores in seeds if scores.records is not None]
    if len(known) == len(seeds):
        draws = RecordDraws.of(known)
    else:
        draws = RecordDraws.apart([(scores.members, scores.nonmembers) for scores in seeds], generator)

    def resampled(counts: Counts) -> Array:
        ranked = zip(seeds, draws.columns, strict=True)
        return np.stack([scores.ranking.resampled(counts, *columns) for scores, columns in ranked])

    found = bootstrap(points, resampled, draws, resamples, generator)
    metrics = {
        name: found.interval(at, part=name in COMPARED).within(-1.0 if name == "advantage" else 0.0, 1.0)
        for at, name in enumerate(METRICS)
    }
    curve = slice(len(METRICS), None)
    parts = (FPR_GRID, points.mean(axis=0)[curve], found.low[curve].clip(0, 1), found.high[curve].clip(0, 1))
    roc = dict(zip(("fpr", "tpr", "low", "high"), (part.tolist() for part in parts), strict=True))
    return Measured(metrics, roc, _histories(seeds), _sizes(seeds))


def _histories(seeds: Sequence[Scores]) -> dict[str, list[list[float]]]:
    """Curve -> epochs x seeds."""
    return {
        name: [list(epoch) for epoch in zip(*(scores.history[name] for scores in seeds), strict=True)]
        for name in seeds[0].history
    }


def _sizes(seeds: Sequence[Scores]) -> dict[str, int]:
    return {
        "members": min(len(scores.members) for scores in seeds),
        "nonmembers": min(len(scores.nonmembers) for scores in seeds),
    }


def gain(members: Array, nonmembers: Array) -> float:
    """Return the empirical gain G of an inference model f_A (MIA-Pruning eq. 1 and 8).

    G = mean of log f_A over members + mean of log(1 - f_A) over non-members. Eq. 1 prints the members'
    distribution twice; eq. 8 and the text show that the second expectation is over non-members. An attacker that
    answers 1/2 to everything has -log 4 = -1.386, so the best attacker has at least that.

    Args:
        members: log-odds of f_A, the scores of an attack network, [members].
        nonmembers: the same, [non-members].

    """
    return -float(np.logaddexp(0, -members).mean() + np.logaddexp(0, nonmembers).mean())


def gain_error(members: Array, nonmembers: Array) -> float:
    """Return the standard error of `gain` over its records, which are drawn independently of each other.

    Args:
        members: log-odds, [members], at least two.
        nonmembers: the same, [non-members].

    """
    parts = (np.logaddexp(0, -members), np.logaddexp(0, nonmembers))
    return float(np.sqrt(sum(part.var(ddof=1) / len(part) for part in parts)))


def always_member_accuracy(odds: float) -> float:
    """Return the accuracy of calling every record a member, at `odds` members per non-member: 2/3 at odds of 2."""
    return odds / (1 + odds)
