"""What the records contain about one attack on one cell: its numbers, settings, checks and selection scores."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from privprune.checks import Check
from privprune.records import Record
from privprune.settings import read
from privprune.verdicts.record_metrics import attack_measures
from privprune.verdicts.statistics import Estimate

_QUERIES = "queries"  # how often each image is transmitted
_START = "start"  # the key of an inversion's settings that may differ between cells: with a game, from its surrogate


@dataclass(frozen=True)
class AttackRun:
    """How one attack was run on one cell.

    Attributes:
        settings: its entry in the suite; empty where the record does not contain it.
        known: images that an inversion was trained on, 0 for an attack on membership.
        control: whether it ignores the model; such an attack is never the strongest.
        selection: measure -> one value per target, on records that are not evaluated; empty where not measured.
        checks: those of the attack on this cell; None where the record is older than checks.

    """

    settings: dict[str, object]
    known: int
    control: bool
    selection: dict[str, tuple[float, ...]]
    checks: tuple[Check, ...] | None

    @property
    def budget(self) -> str:
        """What must be equal for two attacks to be compared: all settings but the start, and the known images."""
        settings = {name: value for name, value in self.settings.items() if name != _START}
        return json.dumps({"settings": settings, "known": self.known}, sort_keys=True)

    @property
    def budget_of_any_queries(self) -> str:
        """The same but for the number of queries, which changes nothing where all answers to an image are the same."""
        return replace(self, settings=_without_queries(self.settings)).budget


def _without_queries(settings: Mapping[str, object]) -> dict[str, object]:
    """Return settings without numbers of queries, those of a decoder that an attack starts from too."""
    return {
        name: _without_queries(value) if isinstance(value, Mapping) else value
        for name, value in settings.items()
        if name != _QUERIES
    }


@dataclass(frozen=True)
class AttackResult:
    """One attack on membership, on one cell.

    Attributes:
        measures: measure -> estimate over seeds and records; all in percent but the AUC.
        members: attacked members per target.
        nonmembers: attacked non-members per target.
        run: how it was run.

    """

    measures: dict[str, Estimate]
    members: int
    nonmembers: int
    run: AttackRun


@dataclass(frozen=True)
class InversionResult:
    """One inversion attack on one cell; its measures are in the cell's `numbers` as `<attack>_<measure>`.

    Attributes:
        known: images that the attack was trained on, per target.
        scored: images that were rebuilt and scored, per target.
        run: how it was run.

    """

    known: int
    scored: int
    run: AttackRun


def membership_results(record: Record) -> dict[str, AttackResult]:
    """Return label -> result of a record of attacks on membership."""
    return {label: _attack(label, result, record) for label, result in record.attacks.items()}


def inversion_results(record: Record) -> dict[str, InversionResult]:
    """Return label -> result of a record of inversions."""
    return {label: _inversion(label, result, record) for label, result in record.attacks.items()}


def checks_of(record: Record, subject: str) -> tuple[Check, ...] | None:
    """Return the checks of one subject, None where the record has none at all or none of this subject."""
    found = record.checks.get(subject)
    if found is None:
        return None
    return tuple(read(Check, one, f"{record.stage} of {record.cell}: checks.{subject}") for one in found)


def _attack(label: str, result: Mapping[str, Any], record: Record) -> AttackResult:
    members, nonmembers = int(result["records"]["members"]), int(result["records"]["nonmembers"])
    return AttackResult(attack_measures(result), members, nonmembers, _run(label, result, record, "methods", known=0))


def _inversion(label: str, result: Mapping[str, Any], record: Record) -> InversionResult:
    known, scored = int(result["records"]["known"]), int(result["records"]["scored"])
    return InversionResult(known, scored, _run(label, result, record, "inversions", known))


def _run(label: str, result: Mapping[str, Any], record: Record, section: str, known: int) -> AttackRun:
    return AttackRun(
        settings=dict(record.parameters.get(section, {}).get(label) or {}),
        known=known,
        control=bool(result.get("control", False)),
        selection={name: tuple(values) for name, values in result.get("selection", {}).items()},
        checks=checks_of(record, label),
    )
