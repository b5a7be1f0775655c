"""The result of an audit of membership, as data: what each attack reached, its checks, and the most exposed records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from privprune.attacks.membership.checks.enough_nonmembers import ACCEPTED
from privprune.auditing.settings import AuditSettings, as_record
from privprune.checks import Check
from privprune.metrics.membership import Measured, Scores
from privprune.metrics.ranking import LOW_FNR, LOW_FPR
from privprune.records import versions

RATES = (0.1, 0.01, 0.001)  # false positive rates at which the true positive rate is stated
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Rate:
    """The true positive rate at a false positive rate.

    Attributes:
        false_positives: the false positive rate.
        nonmembers: how many evaluated non-members it takes to know the threshold: 10 above it.
        value, low, high: the rate with its interval; None where there are fewer, and nothing is stated.

    """

    false_positives: float
    nonmembers: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class AttackResult:
    """What one attack reached.

    Attributes:
        label: its label.
        settings: as written, with the key `attack`.
        control: whether it ignores the model on purpose.
        measured: its metrics on the evaluated records, each with a 95 % interval over records.
        rates: at RATES.
        selection: area under the ROC curve on the selection records, by which the strongest attack is chosen.
        scores: of the evaluated records.
        checks: of the attack.

    """

    label: str
    settings: Mapping[str, object]
    control: bool
    measured: Measured
    rates: tuple[Rate, ...]
    selection: float
    scores: Scores
    checks: tuple[Check, ...]

    def as_record(self) -> dict[str, Any]:
        """Return plain data for JSON; a rate that the records cannot resolve is null, here as everywhere."""
        found = self.measured.as_record()
        records = found["records"]
        unresolved = {name for name, rate in LOW_FPR.items() if records["nonmembers"] < needed(rate)}
        unresolved |= {name for name, rate in LOW_FNR.items() if records["members"] < needed(rate)}
        first = next(place for place, rate in enumerate(found["roc"]["fpr"]) if rate * records["nonmembers"] >= 1)
        return {
            "settings": dict(self.settings),
            "control": self.control,
            "metrics": {name: None if name in unresolved else value for name, value in found["metrics"].items()},
            "tpr": {
                f"{rate.false_positives:g}": {
                    "value": rate.value,
                    "low": rate.low,
                    "high": rate.high,
                    "nonmembers_needed": rate.nonmembers,
                }
                for rate in self.rates
            },
            "roc": {name: values[first:] for name, values in found["roc"].items()},
            "auc_on_selection_records": self.selection,
            "checks": [one.as_record() for one in self.checks],
        }


@dataclass(frozen=True)
class ExposedRecord:
    """One of the evaluated members that the strongest attack is surest about.

    Attributes:
        record: its place among the members, from 0.
        label: its class.
        predicted: the class that the model predicts.
        confidence: the model's probability of its class.
        nonmembers_above: how many evaluated non-members have a score at least as high.

    """

    record: int
    label: int
    predicted: int
    confidence: float
    nonmembers_above: int


@dataclass(frozen=True)
class Share:
    """A share of records, with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class MembershipResult:
    """All that an audit of membership found.

    Attributes:
        name: of the model, for the page.
        seed: of all random numbers.
        settings: of the audit.
        source: what was audited, in a few words.
        classes: number of classes of the answers.
        probabilities: whether the answers were probabilities.
        records: part (`known`, `selection`, `evaluated`) -> members and non-members in it.
        shadows: number of shadow models.
        accuracies: `members`, `nonmembers` -> how many are classified correctly; `gap`, the difference of the two.
        attacks: in the order of the settings.
        not_run: label -> why.
        checks: of the model, its records and its shadow models.
        strongest: label of the attack with the largest area on the selection records; controls are left out. None where
            no attack was run.
        exposed: evaluated members, the most exposed first.

    """

    name: str
    seed: int
    settings: AuditSettings
    source: str
    classes: int
    probabilities: bool
    records: Mapping[str, tuple[int, int]]
    shadows: int
    accuracies: Mapping[str, Share]
    attacks: tuple[AttackResult, ...]
    not_run: Mapping[str, str]
    checks: tuple[Check, ...]
    strongest: str | None
    exposed: tuple[ExposedRecord, ...]

    def attack(self, label: str) -> AttackResult:
        """Return the result of an attack; raises KeyError where it was not run."""
        return {one.label: one for one in self.attacks}[label]

    def as_record(self) -> dict[str, Any]:
        """Return plain data for JSON: the same for the same model, records, settings and seed."""
        return {
            "kind": "membership",
            "name": self.name,
            "seed": self.seed,
            "source": self.source,
            "settings": as_record(self.settings),
            "classes": self.classes,
            "probabilities": self.probabilities,
            "records": {part: {"members": sizes[0], "nonmembers": sizes[1]} for part, sizes in self.records.items()},
            "shadows": self.shadows,
            "accuracies": {name: vars(share) for name, share in self.accuracies.items()},
            "attacks": {one.label: one.as_record() for one in self.attacks},
            "not_run": dict(self.not_run),
            "checks": [one.as_record() for one in self.checks],
            "strongest": self.strongest,
            "exposed": [vars(one) for one in self.exposed],
            "versions": versions(),
        }


def needed(rate: float) -> int:
    """Return how many records it takes for 10 to be beyond a threshold at a rate."""
    return round(ACCEPTED / rate)


def rates_of(measured: Measured) -> tuple[Rate, ...]:
    """Read the true positive rates at RATES off the ROC curve, where there are enough non-members."""
    fpr = np.array(measured.roc["fpr"])
    found = []
    for rate in RATES:
        (place,) = np.flatnonzero(np.abs(fpr / rate - 1) < _ROUNDING)
        value, low, high = (measured.roc[name][place] for name in ("tpr", "low", "high"))
        if measured.records["nonmembers"] < needed(rate):
            found.append(Rate(rate, needed(rate), None, None, None))
        else:
            found.append(Rate(rate, needed(rate), value, low, high))
    return tuple(found)
